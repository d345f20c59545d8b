"""The root of the repository, and what the tests check on its pages."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from graph2nn.cli import main

ROOT = Path(__file__).parents[2]
#: What the paths of some sites look like.
FORMS = {
    "doi.org": r"/10\.\d{4,9}/\S+",
    "arxiv.org": r"/abs/\d{4}\.\d{4,5}",
    "github.com": r"/[\w.-]+/[\w.-]+(/\S*)?",
}


def dead_links(page: Path) -> list[str]:
    """Links of a page to files that do not exist; addresses on the web are left out."""
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    return [link for link in links if "://" not in link and not (page.parent / link).exists()]


def odd_addresses(text: str) -> list[str]:
    """Addresses on the web whose form cannot be right; nothing is fetched."""
    odd = []
    for address in re.findall(r"https?://[^\s)\"'<>`|\]]+", text):
        address = address.rstrip(".,;:")
        parts = urlsplit(address)
        host = parts.hostname or ""
        form = FORMS.get(host, r"(/\S*)?")
        if not (re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", host) and re.fullmatch(form, parts.path)):
            odd.append(address)
    dois = re.findall(r"\bdoi[: ]\s*\[?([^\s\])]+)", text)
    return odd + [doi for doi in dois if not re.match(r"10\.\d{4,9}/\S+", doi)]


def check_commands(lines: list[str], capsys) -> None:
    """Check that each line of the form ``graph2nn X --option …`` names a command that has these options."""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        words = line.split("   ")[0].split()[1:]
        command = words[:2] if words[0] in ("graphs", "plan", "data", "bench") else words[:1]
        assert main([*command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in shown] == [], line
