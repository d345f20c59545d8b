"""Relationalized modules against the same modules dense: training steps and inference.

    python -m benchmarks.bench_modules

A perceptron of three layers of width 1,536, a small UNet, a Transformer layer, two layers of BERT (where
transformers is installed) and two blocks of a GPT whose query, key and value are one layer, each on a WS-flex
graph of 64 nodes at density .15, in float32. Dense, block and masked take turns; times are medians over the
rounds, ratios are medians of the ratios within a round.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.record import birth_certificate, write
from graph2nn import relationalize, ws_flex

#: A degree whose density with self-reads is .15 on 64 nodes.
DEGREE = 8.6
ENGINES: tuple[Literal["auto", "masked"], ...] = ("auto", "masked")


class UNet(nn.Module):
    """Two levels, 64 and 128 channels, with a bottom of 256."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.down = nn.ModuleList([_pair(64, 64), _pair(64, 128), _pair(128, 256)])
        self.up = nn.ModuleList([_pair(256 + 128, 128), _pair(128 + 64, 64)])
        self.head = nn.Conv2d(64, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, 3, H, W]`` to ``[N, 2, H, W]``."""
        first = self.down[0](self.stem(x))
        second = self.down[1](nn.functional.max_pool2d(first, 2))
        bottom = self.down[2](nn.functional.max_pool2d(second, 2))
        y = self.up[0](torch.cat([nn.functional.interpolate(bottom, scale_factor=2), second], dim=1))
        y = self.up[1](torch.cat([nn.functional.interpolate(y, scale_factor=2), first], dim=1))
        result: Tensor = self.head(y)
        return result


class GPTBlock(nn.Module):
    """Causal self-attention with fused query, key and value, and a feed-forward of four times the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, tokens, width]`` to the same."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).flatten(2))
        result: Tensor = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        return result


class Bert(nn.Module):
    """The encoder of BERT without its embeddings, two layers of width 512."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertConfig
        from transformers.models.bert.modeling_bert import BertEncoder

        config = BertConfig(
            hidden_size=512,
            intermediate_size=2048,
            num_hidden_layers=2,
            num_attention_heads=8,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            attn_implementation="sdpa",  # type: ignore[call-arg]
        )
        self.encoder = BertEncoder(config)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, tokens, 512]`` to the same."""
        result: Tensor = self.encoder(x).last_hidden_state
        return result


def _pair(into: int, out: int) -> nn.Sequential:
    convolutions = [nn.Conv2d(into, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)]
    return nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU())


def modules() -> dict[str, tuple[nn.Module, Tensor]]:
    """Return each module with its input, by name."""
    tokens = torch.randn(8, 64, 512)
    language: dict[str, tuple[nn.Module, Tensor]] = {}
    language["GPT, 2 blocks"] = (nn.Sequential(GPTBlock(512, 8), GPTBlock(512, 8)), tokens)
    if importlib.util.find_spec("transformers"):
        language["BERT, 2 layers"] = (Bert(), tokens)
    hidden = [layer for _ in range(3) for layer in (nn.Linear(1536, 1536), nn.ReLU())]
    return {
        "perceptron": (nn.Sequential(*hidden[:-1]), torch.randn(128, 1536)),
        "UNet": (UNet(), torch.randn(4, 3, 32, 32)),
        "Transformer layer": (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True, dropout=0.0), 1),
            tokens,
        ),
        **language,
    }


def compare(module: nn.Module, x: Tensor, rounds: int) -> dict[str, dict[str, float]]:
    """Time training steps and inference of a module, dense and on a graph.

    Args:
        module: dense.
        x: its input.
        rounds: how often each contender is timed.

    Returns:
        For each kind of call the milliseconds of the dense module, and the time of each engine divided by it.
    """
    graph = ws_flex(64, DEGREE, 0.2, 1)
    contenders = {"dense": module}
    for engine in ENGINES:
        contenders[engine] = copy.deepcopy(module)
        include = None if isinstance(module, UNet) else "*"
        fused = any(isinstance(part, GPTBlock) for part in module.modules())
        relationalize(
            contenders[engine],
            graph,
            include=include,
            engine=engine,
            remember=False,
            stacked={"*.qkv": 3} if fused else None,
        )
    return {
        kind: _ratios({name: make(one, x) for name, one in contenders.items()}, rounds)
        for kind, make in (("training step", _training), ("inference", _inference))
    }


def _training(module: nn.Module, x: Tensor) -> Callable[[], object]:
    optimiser = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, nesterov=True, fused=True)

    def step() -> None:
        module.train()
        optimiser.zero_grad()
        module(x).square().mean().backward()
        optimiser.step()

    return step


def _inference(module: nn.Module, x: Tensor) -> Callable[[], object]:
    def infer() -> Tensor:
        module.eval()
        with torch.inference_mode():
            result: Tensor = module(x)
        return result

    return infer


def _ratios(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 2):
        for name, call in work.items():
            begin = time.perf_counter()
            call()
            if turn >= 2:  # the first calls compile and warm up
                times[name].append(time.perf_counter() - begin)
    dense = times.pop("dense")
    ratios = {
        name: statistics.median(a / b for a, b in zip(seconds, dense, strict=True))
        for name, seconds in times.items()
    }
    return {"dense_ms": round(1e3 * statistics.median(dense), 2)} | {
        name: round(ratio, 3) for name, ratio in ratios.items()
    }


def main() -> None:
    """Measure all modules and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="modules whose name begins with this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    result: dict[str, Any] = birth_certificate("bench_modules", ["torch", "numba", "numpy"])
    chosen = {name: pair for name, pair in modules().items() if name.startswith(arguments.only)}
    result["modules"] = {name: compare(*pair, arguments.rounds) for name, pair in chosen.items()}
    write("modules", result)


if __name__ == "__main__":
    main()
