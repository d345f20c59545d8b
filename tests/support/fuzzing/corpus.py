"""Valid files of every kind that the command reads, made once; mutations damage copies of them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy import io as scipy_io
from scipy import sparse

import graph2nn as g
from graph2nn.data.registry import load_dataset
from graph2nn.experiments import plan, preset, select
from graph2nn.experiments.launchers import launch
from graph2nn.experiments.plans import write_plan
from graph2nn.experiments.plans.decisive import draft_plan
from graph2nn.results.packing import pack

SETTINGS = ["recipe.epochs=2", "recipe.precise_bn=0", "model.widths=[64]", "model.options.stem=64"]
#: Options of a command that trains as little as can be.
TRAIN = ["--set", "recipe.epochs=1", "--set", "recipe.precise_bn=0", "--set", "model.widths=[64]"]
TRAIN += ["--set", "model.options.stem=64"]
PUBLISHED = """
MODEL: {TYPE: mlpnet, NUM_CLASSES: 10, DEPTH: 5, LAYERS: 3}
RESNET: {TRANS_FUN: linear_transform}
OPTIM: {BASE_LR: 0.1, LR_POLICY: cos, MAX_EPOCH: 200, MOMENTUM: 0.9, NESTEROV: true, WEIGHT_DECAY: 0.0005}
TRAIN: {DATASET: cifar10, BATCH_SIZE: 128, EVAL_PERIOD: 1}
TEST: {DATASET: cifar10, SPLIT: test}
NUM_GPUS: 1
"""


def graphs(folder: Path) -> None:
    """A graph of 12 nodes in every format that is read."""
    graph = g.ws_flex(12, 4, 0.3, 1)
    for ending in (
        ".npy",
        ".npz",
        ".mtx",
        ".csv",
        ".tsv",
        ".txt",
        ".edgelist",
        ".edges",
        ".graphml",
        ".gml",
        ".graph",
    ):
        g.write_graph(graph, folder / f"graph{ending}")
    plain = nx.gnp_random_graph(12, 0.4, seed=2)
    nx.write_gexf(plain, folder / "graph.gexf")
    nx.write_pajek(plain, folder / "graph.net")
    nx.write_adjlist(plain, folder / "graph.adjlist")
    matrix = nx.to_numpy_array(plain)
    edges = [f"{a} -- {b} [weight={a}.5];" for a, b in plain.edges]
    (folder / "graph.dot").write_text("graph g {\n" + "\n".join(edges) + "\n}\n", encoding="utf-8")
    scipy_io.savemat(
        folder / "graph.mat", {"A": matrix, "names": np.array([f"n{i}" for i in range(12)], object)}
    )
    sparse.save_npz(folder / "sparse_csr.npz", sparse.csr_array(matrix))
    sparse.save_npz(folder / "sparse_coo.npz", sparse.coo_array(matrix))
    sparse.save_npz(folder / "sparse_csc.npz", sparse.csc_array(matrix))
    frame = pd.DataFrame(
        [(f"n{a}", f"n{b}", a + 0.5) for a, b in plain.edges], columns=["from", "to", "weight"]
    )
    frame.to_csv(folder / "table.csv", index=False)
    frame.to_parquet(folder / "table.parquet", index=False)
    frame.to_feather(folder / "table.feather")
    frame.to_excel(folder / "table.xlsx", index=False)
    (folder / "edges.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def tables(folder: Path) -> None:
    """Catalogues and sweep files of graphs, small."""
    rows = g.catalogue("n16-48").head(12)
    for name in ("catalogue", "sweep"):
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    rows.to_csv(folder / "catalogue.csv", index=False)
    np.save(folder / "catalogue.npy", rows.to_numpy(float))


def runs(folder: Path) -> None:
    """A folder of finished runs, packed as well, one failed, with a plan, tables and a claim."""
    data, known = load_dataset("digits"), preset("mlp-digits")
    configs = plan(
        known, select(known, ["baseline", "n64-52:3", "n64-52:20"]), (1, 2), data=data.label, settings=SETTINGS
    )
    launch(configs, data, folder)
    pack(folder, folder)
    failed = folder / "failed" / "x_s1_12345678"
    failed.mkdir(parents=True)
    (failed / "config.yaml").write_text(configs[0].to_yaml(), encoding="utf-8")
    (failed / "traceback.txt").write_text("RuntimeError: x\n", encoding="utf-8")
    failure = {
        "run": failed.name,
        "error": "RuntimeError: x",
        "attempts": 1,
        "host": "h",
        "time": "2026-01-01T00:00:00+00:00",
    }
    (failed / "failure.json").write_text(json.dumps(failure), encoding="utf-8")
    (folder / ".claims").mkdir(exist_ok=True)
    claim = {"host": "h", "machine": "m", "pid": 1, "born": 0, "beat": 15.0, "released": True, "pardon": False}
    (folder / ".claims" / "x_s1_12345678.1").write_text(json.dumps(claim), encoding="utf-8")


def texts(folder: Path) -> None:
    """Presets, configs of the published code, plans."""
    (folder / "preset.yaml").write_text(preset("mlp-digits").to_yaml(), encoding="utf-8")
    (folder / "vit.yaml").write_text(preset("vit").to_yaml(), encoding="utf-8")
    (folder / "published.yaml").write_text(PUBLISHED, encoding="utf-8")
    write_plan(draft_plan(1), folder / "plan.yaml")


def weights(folder: Path) -> None:
    """A state dict with masked, convolutional and recurrent weights, as torch and as safetensors write it."""
    graph = g.ws_flex(8, 4, 0.3, 1)
    module = torch.nn.ModuleDict({
        "a": g.Relational(graph, "masked").linear(16, 16), "b": torch.nn.Conv2d(8, 16, 3), "c": torch.nn.LSTM(8,
        8),
        "d": torch.nn.BatchNorm1d(16),
    })  # fmt: skip
    torch.save(module.state_dict(), folder / "weights.pt")
    torch.save({"epoch": 3, "model_state": module.state_dict()}, folder / "published.pt")
    save_file(
        {key: value.contiguous().clone() for key, value in module.state_dict().items()},
        folder / "weights.safetensors",
    )


def own_data(folder: Path) -> None:
    """Arrays, tables, images, archives."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)).astype("f4"), rng.integers(0, 3, 60)
    np.savez(folder / "arrays.npz", x=x, y=y)
    np.savez(folder / "splits.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    np.savez(folder / "pictures.npz", x=rng.integers(0, 255, (40, 8, 8, 3)).astype("u1"), y=y[:40])
    frame = pd.DataFrame({**{f"a{i}": x[:, i] for i in range(4)}, "word": ["u", "v"] * 30, "target": y})
    frame.to_csv(folder / "table.csv", index=False)
    frame.to_csv(folder / "table.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "table.parquet", index=False)
    with tarfile.open(folder / "images.tar", "w") as tar:
        for i in range(16):
            stream = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (8, 8, 3)).astype("u1")).save(stream, "PNG")
            member = tarfile.TarInfo(f"{'ab'[i % 2]}/{i}.png")
            member.size = len(stream.getvalue())
            tar.addfile(member, io.BytesIO(stream.getvalue()))


MAKERS = {
    "graphs": graphs,
    "tables": tables,
    "runs": runs,
    "texts": texts,
    "weights": weights,
    "data": own_data,
}


class Corpus:
    """The valid files below a folder, made when first asked for.

    Args:
        root: an empty folder, or one that holds them already.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str) -> Path:
        """The folder of one kind of files."""
        folder = self.root / kind
        if not folder.is_dir():
            partial = self.root / f".{kind}"
            partial.mkdir(parents=True)
            MAKERS[kind](partial)
            partial.rename(folder)
        return folder

    def files(self, kind: str) -> list[Path]:
        """All files of one kind, in order."""
        return sorted(path for path in self.folder(kind).rglob("*") if path.is_file())
