"""The published raw results: from a folder or an archive, joined to the catalogues, gaps filled and said."""

from __future__ import annotations

import shutil
import tarfile

import numpy as np
import pytest
from published_files import graph_rows, write_set, write_task

import graph2nn as g
from graph2nn.errors import UserError
from graph2nn.results.evaluations import COLUMNS, FILLED, RESUMED
from graph2nn.results.published import is_published, published_reader, read_published
from graph2nn.results.published.published_files import digest_of_arrays, read_arrays
from graph2nn.results.published.rows import key


def test_every_row_of_a_folder_finds_its_graph(tmp_path):
    write_task(tmp_path)
    found = read_published(tmp_path)
    assert found.tasks == ["resnet34_imagenet"]
    table = found.of("resnet34_imagenet")
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 9 * 3 * 4  # graphs and baseline, seeds, epochs 0…3
    rows = g.catalogue("n64-52")
    graphs = table[table["kind"] == "relational"].drop_duplicates("graph")
    assert graphs["index"].tolist() == list(range(8))  # sorted as the catalogue, whatever the order of the file
    for row in graphs.itertuples():
        wanted = rows.iloc[int(row.index)]
        assert (row.clustering, row.path_length) == (wanted.clustering, wanted.path_length)
        graph = found.graphs[row.graph].build()
        assert graph.path_length == pytest.approx(row.path_length, abs=1e-12)
    baseline = table[table["kind"] == "baseline"]
    assert (baseline["graph"] == "baseline").all()
    assert baseline["sparsity"].isna().all()


def test_an_archive_equals_its_folder(tmp_path):
    write_task(tmp_path / "raw" / "final_results", seeds=2)
    with tarfile.open(tmp_path / "raw.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "raw", arcname="code/analysis")
    folder, archive = read_published(tmp_path / "raw"), read_published(tmp_path / "raw.tar.gz")
    assert folder.table.equals(archive.table)
    assert digest_of_arrays(read_arrays(tmp_path / "raw")) == digest_of_arrays(
        read_arrays(tmp_path / "raw.tar.gz")
    )
    assert is_published(tmp_path / "raw")
    assert is_published(tmp_path / "raw.tar.gz")
    (tmp_path / "empty").mkdir()
    assert not is_published(tmp_path / "empty")


def test_what_a_later_seed_lacks_is_filled_from_seed_1_and_said(tmp_path):
    write_task(tmp_path)
    for kind in ("names", "results"):
        for epoch in (2, 3):
            file = tmp_path / "resnet34_imagenet_seed2" / f"{kind}_resnet34_imagenet_seed2_epoch{epoch}.npy"
            np.save(file, np.load(file)[1:])
    found = read_published(tmp_path)
    table = found.of("resnet34_imagenet")
    filled = table[table["remark"] == FILLED]
    assert filled["epoch"].tolist() == [2, 3]
    assert set(filled["seed"]) == {2}
    same = table[(table["graph"] == filled["graph"].iloc[0]) & table["epoch"].isin([2, 3])]
    errors = same.pivot_table("test_error", "epoch", "seed")
    assert (errors[2] == errors[1]).all()
    assert (errors[3] != errors[1]).all()
    rounded, note = found.notes["resnet34_imagenet"]
    assert "as stored" in rounded
    assert "training seed 2, lacks epochs 2–3; filled from seed 1" in note


def test_what_seed_1_lacks_too_stays_empty(tmp_path):
    rows = graph_rows("n64-52", 4)
    write_set(tmp_path / "resnet34_imagenet_seed1", 1, 1, rows[1:])
    write_set(tmp_path / "resnet34_imagenet_seed2", 2, 1, rows)
    found = read_published(tmp_path)
    assert (found.table["remark"] != FILLED).all()
    assert "0 of 2 could be filled from seed 1" in found.notes["resnet34_imagenet"][1]


def test_a_trained_network_at_epoch_0_is_marked(tmp_path):
    write_task(tmp_path, seeds=1)
    file = tmp_path / "resnet34_imagenet_seed1" / "results_resnet34_imagenet_seed1_epoch0.npy"
    results = np.load(file)
    results[0, 0, 3] = 40.0
    np.save(file, results)
    found = read_published(tmp_path)
    late = found.table[found.table["remark"] == RESUMED]
    assert len(late) == 1
    assert "1 of 9 evaluations stored as epoch 0" in found.notes["resnet34_imagenet"][1]


def test_key_is_six_digits():
    assert key(0.1280008781103134, 0.1280634444804868, 4) == "0.128001_0.128063_4"


def damaged(tmp_path, how):
    write_task(tmp_path, seeds=1, epochs=1)
    folder = tmp_path / "resnet34_imagenet_seed1"
    result, name = (folder / f"{kind}_resnet34_imagenet_seed1_epoch1.npy" for kind in ("results", "names"))
    if how == "no names":
        name.unlink()
    elif how == "cut":
        result.write_bytes(result.read_bytes()[:200])
    elif how == "shape":
        np.save(result, np.load(result)[:-1])
    elif how == "pickle":
        np.save(result, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif how == "stranger":
        rows = np.load(name)
        rows[0, 4:8] = "0.333333", "0.1", "sum", "77.0"
        np.save(name, rows)
    elif how == "sizes":
        rows = np.load(name)
        rows[0, 2] = "16.0"
        np.save(name, rows)
    elif how == "words":
        rows = np.load(name)
        rows[0, 4] = "much"
        np.save(name, rows)
    elif how == "twice":
        shutil.copytree(folder, tmp_path / "copy" / "resnet34_imagenet")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no names", "has results without names"),
        ("cut", "damaged one"),
        ("shape", r"names \(9, 15\) and results \(8, 1, 8\)"),
        ("pickle", "damaged one"),
        ("stranger", "0.333333_0.100000_77 .* is in no published catalogue"),
        ("sizes", "graphs of 2 sizes"),
        ("words", "not a number"),
        ("twice", "twice"),
    ],
)
def test_damage_is_named(tmp_path, how, said):
    damaged(tmp_path, how)
    with pytest.raises(UserError, match=said) as caught:
        read_published(tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_there(tmp_path):
    (tmp_path / "broken.tar.xz").write_bytes(b"no archive")
    for path, said in ((tmp_path, "holds no published"), (tmp_path / "x", "does not exist"),
                       (tmp_path / "broken.tar.xz", "not a tar archive")):  # fmt: skip
        with pytest.raises(UserError, match=said):
            read_published(path)
    write_task(tmp_path / "ok", seeds=1)
    with pytest.raises(UserError, match=r"did you mean 'resnet34_imagenet'"):
        read_published(tmp_path / "ok", tasks=["resnet43_imagenet"])


def test_the_word_published_is_looked_for_then_downloaded(tmp_path, monkeypatch, published_server):
    monkeypatch.setenv("GRAPH2NN_DATA", str(tmp_path / "data"))
    write_task(tmp_path / "data" / "final_results", seeds=1)
    assert read_published("published", cache=tmp_path / "cache").tasks == ["resnet34_imagenet"]
    monkeypatch.delenv("GRAPH2NN_DATA")
    monkeypatch.setattr("graph2nn.results.published.published_files.URL", published_server)
    with pytest.raises(UserError, match="does not hold the published results"):
        read_published("published", cache=tmp_path / "cache", progress=False)
    own = digest_of_arrays(read_arrays(tmp_path / "served"))
    monkeypatch.setattr(published_reader, "SHA256", own)
    assert read_published("published", cache=tmp_path / "cache", progress=False).tasks == ["resnet34_imagenet"]


@pytest.fixture
def published_server(tmp_path):
    """A local address that serves an archive of a small task."""
    import functools
    import http.server
    import threading

    write_task(tmp_path / "served", seeds=1, epochs=1)
    (tmp_path / "www").mkdir()
    with tarfile.open(tmp_path / "www" / "code.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "served", arcname="code/analysis/final_results")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/code.tar.gz"
        server.shutdown()


def test_published_sets_are_whole(published, golden):
    table = published.table
    assert published.tasks == list(published_reader.MODELS)
    for name, facts in golden["columns"]["sets"].items():
        task, _, seed = name.partition("_seed")
        rows = table[(table["task"] == task) & ((table["seed"] == int(seed)) if seed else True)]
        assert sorted(rows["epoch"].unique())[:: len(rows["epoch"].unique()) - 1 or 1] == sorted(
            set(facts["epochs"])
        )
        own = rows[rows["remark"] != FILLED]
        assert rows["width"].min() >= facts["dim0_min_max"][0]
        assert rows["width"].max() <= facts["dim0_min_max"][1]
        per_epoch = own.groupby("epoch").size()
        shapes = {int(text[1:].split(",")[0]) for text in facts["result_shapes"]}
        seeds = 5 if task == "mlp_cifar10" else 1
        assert set(per_epoch // seeds) == shapes


def test_published_gaps_are_those_measured(published, golden):
    missing = golden["missing_rows"] if "missing_rows" in golden else golden["columns"]["missing_rows"]
    filled = published.table[published.table["remark"] == FILLED]
    for name, facts in missing.items():
        task, _, seed = name.partition("_seed")
        rows = filled[(filled["task"] == task) & (filled["seed"] == int(seed))].set_index("epoch")
        assert rows.index.tolist() == facts["missing_epochs"]
        for epoch, error in facts["seed1_top1"].items():
            assert rows.loc[int(epoch), "test_error"] == error
    assert len(filled) == sum(len(facts["missing_epochs"]) for facts in missing.values())
    quirk = golden["columns"]["epoch0_quirk"]["sets"]
    late = published.table[published.table["remark"] == RESUMED].groupby(["task", "seed"]).size()
    for name, facts in quirk.items():
        task, _, seed = name.partition("_seed")
        assert late.get((task, int(seed)), 0) == facts["n_below_95pct_error"]
