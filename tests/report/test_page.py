"""The page: one task's headline on top or several tasks side by side, all text escaped, figures inlined."""

import base64
import gzip
import hashlib
import io
import json
import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table
from atlas_pages import NASTY, evaluations, graphs
from html_tags import Tags
from markupsafe import Markup
from PIL import Image

from graph2nn.analysis.findings import collect_findings
from graph2nn.report import phrasing
from graph2nn.report.atlas import Atlas, atlas
from graph2nn.report.atlas.parts import PLOTLY
from graph2nn.report.listing import PRINTED_ROWS, listing
from graph2nn.report.page import Chapter, Picture, _size, page
from graph2nn.report.paper import _graphs
from graph2nn.report.templates import TextTable, html_of, tables


def png(noise):
    pixels = np.random.default_rng(0).integers(0, 255 if noise else 2, (200, 300, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def chapter(task, **kwargs):
    found = collect_findings(sweep(5, 3)[0])
    pictures = [Picture("map", f"Map {NASTY}", "caption", png(False), png(True))]
    return Chapter(task, found, phrasing.headline(found), pictures, **kwargs)


def test_the_page_says_on_which_part_the_best_graph_was_chosen():
    runs = sweep(5, 3)[0]
    on_test = " ".join(phrasing.headline(collect_findings(runs)).remarks)
    assert "chosen by its score on the test part, as in the paper" in on_test
    validated = collect_findings(runs.assign(validation_error=runs["test_error"]))
    assert "on the validation part, which took no part in training" in " ".join(
        phrasing.headline(validated).remarks
    )


def parsed(text):
    tags = Tags()
    tags.feed(text)
    return tags


def test_one_chapter_is_the_page():
    text = page(
        [chapter("only", notes=["of it"])],
        Atlas(Markup("<i></i>"), Markup()),
        title="T",
        notes=["first"],
        provenance={},
    )
    tags = parsed(text)
    names = [tag for tag, _ in tags.tags]
    assert (names.count("h1"), names.count("article")) == (1, 0)
    assert re.findall(r'role="note">(.*?)<', text) == ["first"]
    # How the runs were read is small print: it follows the first picture.
    assert (
        text.index("<i></i>")
        < text.index("<li>of it</li>")
        < text.index('id="map"')
        < text.index('id="graphs"')
    )


def test_several_chapters_are_linked_from_the_top():
    tasks = ["mlp_cifar10", f"other {NASTY}"]
    text = page(
        [chapter(task) for task in tasks],
        Atlas(Markup("<i></i>"), Markup()),
        title=NASTY,
        provenance={"by": NASTY},
    )
    tags = parsed(text)
    ids = [attrs["id"] for _, attrs in tags.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"][1:] for tag, attrs in tags.tags if tag == "a"]
    assert len(links) == 2
    assert set(links) <= set(ids)
    assert sum(tag == "img" for tag, _ in tags.tags) == 2
    assert "".join(tags.text).count(NASTY) >= 5


def test_figures_are_inlined_for_both_schemes_without_loss_where_they_are_simple():
    text = page([chapter("t")], Atlas(Markup(), Markup()), title="T", provenance={})
    light, dark = (
        base64.b64decode(part) for part in re.findall(r"data:image/webp;base64,([^\"]+)", text)[::-1]
    )
    with Image.open(io.BytesIO(light)) as shown, Image.open(io.BytesIO(png(False))) as given:
        assert shown.tobytes() == given.tobytes()
    assert len(dark) < len(png(True)) / 2


def test_a_picture_is_told_to_those_who_do_not_see_it():
    text = page([chapter("t")], Atlas(Markup(), Markup()), title="T", provenance={})
    (alt,) = (attrs["alt"] for tag, attrs in parsed(text).tags if tag == "img")
    assert alt.startswith("Scatter plot of all graphs: clustering coefficient across")


def test_paper_gets_the_rows_that_the_style_sheet_leaves(monkeypatch):
    css = (resources.files("graph2nn.report") / "assets" / "page.css").read_text(encoding="utf-8")
    assert f"tr:nth-child(n + {PRINTED_ROWS + 1})" in css
    found = collect_findings(sweep(5, 2)[0])
    assert "On paper" not in listing(found)
    monkeypatch.setattr("graph2nn.report.listing.PRINTED_ROWS", 3)
    assert "On paper: the first 3 rows" in listing(found)


def test_tables_and_colours_show_the_tests_of_the_verdict():
    """Where Welch's test finds none of the graphs that the pooled one does, all say what the verdict says."""
    rng = np.random.default_rng(1)
    errors = {"baseline": rng.normal(33, 0.3, 3)} | {
        f"g{i}": rng.normal(33 - gain, 0.3, 3) for i, gain in enumerate(np.linspace(-1.5, 1.5, 30))
    }
    found = collect_findings(table(errors))
    assert found.losing > 0
    assert found.beating_welch < found.beating
    text = listing(found)
    assert (text.count('class="better"'), text.count('class="worse"')) == (found.beating, found.losing)
    tested = found.judged.pooled.set_index("graph").loc[found.graphs["graph"]]
    assert found.graphs["p_holm"].tolist() == tested["p_holm"].tolist()
    assert found.graphs["p_value"].tolist() == tested["p"].tolist()
    first = found.graphs["p_holm"].iloc[1]
    assert phrasing.p_number(first) == _graphs(found)["p (Holm)"].iloc[2]
    one_seed = collect_findings(table({label: values[:1] for label, values in errors.items()}))
    assert one_seed.graphs[["p_value", "p_holm"]].isna().all(axis=None)


def test_a_long_list_is_cut_and_says_so(monkeypatch):
    found = collect_findings(sweep(5, 2)[0])
    assert "Every graph" in listing(found)
    monkeypatch.setattr("graph2nn.report.listing.MOST_ROWS", 3)
    short = listing(found)
    assert short.count("<tr") == 1 + 1 + 3
    assert "All 5 are in the atlas" in short


def test_every_text_in_a_section_is_escaped():
    """Names, titles and captions that try to leave their place, in each template of a section."""
    made = TextTable(NASTY, [NASTY], [[NASTY, NASTY]], caption=NASTY)
    shown = dict.fromkeys(("anchor", "title", "caption", "alt", "light", "dark"), NASTY) | {"wide": True}
    ladder = {"sentence": NASTY, "warnings": [NASTY], "picture": shown, "tables": [made]}
    sections = [
        (tables([made], level=2), 5),
        (html_of("assets/ladder.html", ladders=[ladder]), 9),
        (listing(replace(collect_findings(named(NASTY)), highlighted=(NASTY,))), 1),
    ]
    for section, count in sections:
        tags = parsed(section)
        assert "".join(tags.text).count(NASTY) == count
        assert not any("onerror" in attrs or tag == "b" for tag, attrs in tags.tags)
        assert NASTY not in section


def named(label):
    runs = sweep(5, 3)[0]
    return runs.assign(
        graph=runs["graph"].replace(runs.loc[runs["kind"] == "relational", "graph"].iloc[0], label)
    )


@pytest.mark.parametrize("text", [NASTY, "<!--<script>", "a\u2028b", "\u2029"])
def test_json_in_a_script_cannot_end_it(text):
    html = html_of("atlas/assets/atlas.html", data={"label": text}, plotly="", scripts=[])
    written = re.search(r'id="atlas-data">(.*?)</script>', html)[1]
    assert json.loads(written) == {"label": text}
    assert not set("<\u2028\u2029") & set(written)


def test_the_atlas_brings_its_data_and_plotly_and_asks_for_nothing():
    drawn = graphs()
    made = atlas(evaluations(drawn), drawn)
    tags = parsed(made.html)
    scripts = [attrs for tag, attrs in tags.tags if tag == "script"]
    assert [attrs.get("id") for attrs in scripts] == ["atlas-data", "atlas-plotly", None]
    assert not any("src" in attrs or "href" in attrs for _, attrs in tags.tags)
    assert "url(" not in made.css
    ids = [attrs["id"] for _, attrs in tags.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    # Every element that the script asks for by name is in the markup.
    wanted = set(re.findall(r'\$\("([a-z0-9-]+)"\)', made.html))
    assert {f"atlas-{name}" for name in wanted} <= set(ids)


def test_plotly_is_the_file_that_the_page_of_dependencies_names():
    from pages import ROOT

    folder = ROOT / "src/graph2nn/report/atlas/assets"
    content = gzip.decompress((folder / PLOTLY).read_bytes())
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert hashlib.sha256(content).hexdigest() in page
    version = re.search(rb"plotly.js[^\n]* v([0-9.]+)", content)
    assert version
    assert f"plotly.js {version[1].decode()} (MIT)" in page
    assert "MIT License" in (folder / PLOTLY).with_name("LICENSE-plotly.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([58_358, 58_820], "58,358 – 58,820"),
        ([2_364_416], "2.364 million"),
        ([166e6, 167e6], "166 – 167 million"),
        ([3_664_000_000, 3_680_000_000], "3.664 – 3.68 billion"),
    ],
)
def test_costs_are_short_enough_for_their_box(values, said):
    assert _size(pd.Series(values)) == said
