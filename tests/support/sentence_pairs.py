"""Sentences and their translations, word by word: what a small network learns in seconds."""

from __future__ import annotations

ENGLISH = [
    f"the {word} number {k} walks home" for k, word in enumerate(["dog", "cat", "small bird", "cow"] * 15)
]
GERMAN = [
    f"der {wort} Nummer {k} geht heim, schön" for k, wort in enumerate(["Hund", "Kater", "Käfer", "Bär"] * 15)
]


def pair_files(folder, source=ENGLISH, target=GERMAN):
    """Write two line-aligned files, and return them as ``--data`` takes them."""
    (folder / "a.en").write_text("\n".join(source) + "\n", encoding="utf-8")
    (folder / "b.de").write_text("\n".join(target) + "\n", encoding="utf-8")
    return f"{folder / 'a.en'},{folder / 'b.de'}"
