"""Figures of a study: they draw for studies with gaps, say what is missing, and give the same files again."""

import io
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from analysis_tables import sweep, table
from matplotlib.text import Text
from PIL import Image

import graph2nn as g
from graph2nn.analysis.task_findings import study
from graph2nn.errors import UserError
from graph2nn.report.figures import agreement, collection
from graph2nn.report.figures.gallery import Plate
from graph2nn.report.figures.theme import DARK, LIGHT, canvas, render


def by_epoch(runs, epochs=6):
    """Evaluations that end at each run's error, the order of the graphs settling on the way."""
    rng = np.random.default_rng(0)
    steps = []
    for epoch in range(epochs + 1):
        rest = 1 - epoch / epochs
        noise = rng.normal(0, 2 * rest, len(runs))
        steps.append(runs.assign(epoch=epoch, test_error=runs["test_error"] + 40 * rest + noise))
    return pd.concat(steps, ignore_index=True).drop(columns="epochs")


def directed(n, seed):
    wiring = np.random.default_rng(seed).random((n, n)) < 0.3
    np.fill_diagonal(wiring, 0)
    return g.RelationalGraph.from_adjacency(wiring | np.eye(n, k=1, dtype=bool), name=f"d{seed}", directed=True)


def of_directed():
    drawn = {f"d{seed}": directed(20, seed) for seed in range(6)}
    places = {label: (graph.clustering, graph.path_length) for label, graph in drawn.items()}
    errors = {"baseline": [33.0, 33.4]} | {label: [32 + i / 9, 32.3] for i, label in enumerate(drawn)}
    return table(errors, places).assign(n=20), drawn


class Recipe:
    """Builds a graph, and counts how often it is asked to."""

    def __init__(self, graph):
        self.graph, self.built = graph, 0

    def build(self):
        self.built += 1
        return self.graph


RUNS, GRAPHS = sweep(14, 3)
OTHER = sweep(10, 2, draw=1)[0].assign(model="resnet")
DIRECTED, DRAWN = of_directed()
ONE_SEED = RUNS[RUNS["seed"] == 1]
MANY = table({"baseline": [33.0, 33.2]} | {f"g{i}": [32 + (i % 37) / 20, 32.4] for i in range(130)})

#: Name of a study to its tasks and the graphs that can be built.
STUDIES = {
    "two tasks, one by epoch": ({"mlp": by_epoch(RUNS), "resnet": OTHER}, GRAPHS),
    "one task": ({"mlp": RUNS}, GRAPHS),
    "one seed": ({"mlp": ONE_SEED, "resnet": OTHER}, {}),
    "no baseline": (
        {"mlp": by_epoch(RUNS[RUNS["kind"] == "relational"]), "b": OTHER[OTHER["kind"] != "baseline"]},
        GRAPHS,
    ),
    "directed graphs of no catalogue": ({"connectomes": DIRECTED, "mlp": by_epoch(RUNS)}, DRAWN | GRAPHS),
    "one graph": ({"a": table({"a": [32.0, 33.0]}), "b": table({"baseline": [32.0], "a": [32.0]})}, {}),
    "no spread": ({"flat": by_epoch(table({f"g{i}": [33.0, 33.0] for i in range(5)}), 1)}, {}),
    "odd names": ({"$x_{/..<b>" * 9: RUNS, "a very-long_name " * 9: OTHER}, {}),
    "many graphs": ({"mlp": MANY}, {}),
}
FOUND = {}


def found(name):
    if name not in FOUND:
        tasks, graphs = STUDIES[name]
        FOUND[name] = study(tasks), graphs
    return FOUND[name]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


#: What the axes of each figure are called.
LABELS = {
    "gains": ("top-1 error (%)", "gain over the baseline (points)"),
    "tasks_spots": ("clustering", "path length"),
    "tasks_maps": ("clustering", "path length"),
    "tasks_correlation": ("column's task (%)", "row's task (%)"),
    "epochs_correlation": ("epoch", "correlation with the last epoch"),
    "tasks_learning": ("epoch", "top-1 error (%)"),
    "levels": ("clustering", "path length", "top-1 error (%)"),
    "slices": ("path length", "clustering", "top-1 error (%)"),
    "corners": ("clustering", "path length", "top-1 error (%)"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_every_figure_can_be_drawn_whole_and_labelled(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for plate in collection.plates(*found(name)):
            drawn = []
            image = pixels(
                render(lambda theme, plate=plate, drawn=drawn: keep(plate.draw(theme), drawn), LIGHT, dpi=50)
            )
            assert 160 <= image.shape[1] <= 7 * 50
            assert image.std() > 5
            for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
                assert (edge == 255).all(), f"{plate.name} is cut off"
            written = [text.get_text() for text in drawn[0].findobj(Text) if text.get_visible()]
            for label in LABELS.get(plate.name) or LABELS[plate.name.split("_")[0]]:
                assert any(label in text for text in written), (plate.name, label)
            assert plate.caption.endswith(".")
            assert "run" in plate.caption


def keep(figure, drawn):
    drawn.append(figure)
    return figure


def test_which_figures_there_are():
    across = ["gains", "tasks_spots", "tasks_maps", "tasks_correlation", "epochs_correlation", "tasks_learning"]
    names = [plate.name for plate in collection.plates(*found("two tasks, one by epoch"))]
    own = ["levels_mlp", "slices_mlp", "corners_mlp", "levels_resnet", "slices_resnet"]
    assert names[: len(across) + len(own)] == across + own
    names = [plate.name for plate in collection.plates(found("one task")[0], {})]
    assert names == ["gains", "levels_mlp", "slices_mlp"]


def test_captions_count_the_runs():
    plates = {plate.name: plate.caption for plate in collection.plates(*found("two tasks, one by epoch"))}
    assert "(14 graphs, 42 runs and 3 of the baseline)" in plates["levels_mlp"]
    assert "(2 tasks, 67 runs)" in plates["gains"]
    filled = RUNS.assign(remark=["filled from seed 1"] + [""] * (len(RUNS) - 1))
    caption = collection.counted(study({"mlp": filled}).tasks["mlp"])
    assert caption.endswith("; 1 filled from another seed")


def test_what_is_missing_is_said():
    assert collection.missing(*found("one seed")) == [
        "Nothing is drawn by epoch: only the last epoch was evaluated.",
        "mlp: no published rectangle is drawn: one seed per graph.",
        "mlp: no graph is drawn next to the map, as nothing says how to build one.",
        "mlp: few graphs are not compared with all; it takes a catalogue with smaller ones.",
        "resnet: no graph is drawn next to the map, as nothing says how to build one.",
        "resnet: few graphs are not compared with all; it takes a catalogue with smaller ones.",
    ]
    assert "a: no published rectangle is drawn: one graph." in collection.missing(*found("one graph"))
    said = collection.missing(*found("no baseline"))
    assert "mlp: no baseline, so no gain is drawn." in said
    assert "Agreement between tasks is not drawn: it takes two tasks." in collection.missing(*found("one task"))


def test_more_tasks_than_fit_are_counted_in_the_caption(monkeypatch):
    monkeypatch.setattr(agreement, "MOST_TASKS", 2)
    small = {name: table({"baseline": [33.0], "a": [32.0]}) for name in ("x", "y", "z")}
    caption = {p.name: p.caption for p in collection.plates(study(small), {})}["tasks_correlation"]
    assert "1 task more left out for room" in caption


def test_few_graphs_are_built():
    recipes = {label: Recipe(graph) for label, graph in GRAPHS.items()}
    names = [plate.name for plate in collection.plates(found("one task")[0], recipes)]
    assert "corners_mlp" in names
    assert sum(recipe.built for recipe in recipes.values()) <= 5


def test_files_are_whole_and_the_same_again(tmp_path):
    plates = [p for p in collection.plates(*found("one task")) if p.name in ("levels_mlp", "corners_mlp")]
    first = collection.save(plates, tmp_path / "a", ("png", "pdf", "svg"), dpi=60)
    again = collection.save(plates, tmp_path / "b", ("png", "pdf", "svg"), dpi=60)
    assert len(first) == 6
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(path.name for path in first)
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in first:
        content = path.read_bytes()
        if path.suffix == ".png":
            Image.open(path).verify()
        elif path.suffix == ".svg":
            assert ElementTree.fromstring(content).tag.endswith("svg")
        else:
            assert content.startswith(b"%PDF-")
            assert content.rstrip().endswith(b"%%EOF")
            assert b"/CreationDate" not in content
            assert b"/Type3" not in content, "publishers refuse Type 3 fonts"


def test_a_dark_figure_is_dark(tmp_path):
    plate = collection.plates(*found("one task"))[0]
    (path,) = collection.save([plate], tmp_path, ("png",), theme=DARK, dpi=50)
    assert pixels(path.read_bytes()).mean() < 60


def test_a_figure_that_fails_leaves_no_file(tmp_path):
    def broken(theme):
        raise RuntimeError("no ink")

    good = Plate("good", "", "", lambda theme: canvas(2, 2))
    with pytest.raises(RuntimeError, match="no ink"):
        collection.save([good, Plate("bad", "", "", broken)], tmp_path, ("png",))
    assert [path.name for path in tmp_path.iterdir()] == ["good.png"]


def test_bad_places_and_formats(tmp_path):
    with pytest.raises(UserError, match=r"format.*'jpg'"):
        collection.save([], tmp_path, ("jpg",))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        collection.save([], tmp_path / "file", ("png",))


def test_names_of_files_differ_and_stay_in_the_folder():
    names = collection.file_names(["mlp_cifar10", "a/b", "a b", "A_b", "../..", "", "x" * 200])
    assert names[:2] == ["mlp_cifar10", "a_b"]
    assert len({name.lower() for name in names}) == len(names)
    assert all("/" not in name and not name.startswith(".") and len(name) < 70 for name in names)
