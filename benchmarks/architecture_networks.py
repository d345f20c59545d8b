"""Small hand-written networks with the blocks of well-known architectures, for ``benchmarks.architectures``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Build = Callable[[], tuple[nn.Module, Any, dict[str, Any]]]


def conv(into: int, out: int, kernel: int = 3, stride: int = 1, **options: Any) -> nn.Sequential:
    pad = kernel // 2
    layer = nn.Conv2d(into, out, kernel, stride, pad, bias=False, **options)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


class Head(nn.Module):
    """A stem, a body and a classifier over the mean of its channels."""

    def __init__(self, body: nn.Module, width: int, stem: int = 16) -> None:
        super().__init__()
        self.stem = conv(3, stem)
        self.body = body
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class Residual(nn.Module):
    """x + branch(x), or the branch and a shortcut of another width."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


class Squeeze(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(width, 16, 1), nn.Conv2d(16, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))).sigmoid()


class DenseBlock(nn.Module):
    def __init__(self, into: int, growth: int, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv(into + i * growth, growth) for i in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Branches(nn.Module):
    """Inception, SqueezeNet's fire: several paths, concatenated."""

    def __init__(self, *paths: nn.Module) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([path(x) for path in self.paths], 1)


class Shuffle(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.path = nn.Sequential(
            conv(half, half, 1), nn.Conv2d(half, half, 3, padding=1, groups=half), conv(half, half, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        return torch.stack([left, self.path(right)], 2).flatten(1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.up, self.down = (
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.gelu(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        return x + y.permute(0, 3, 1, 2)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int = 4, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        if self.window:
            x = x.reshape(-1, self.window, shape[-1])
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)).reshape(shape)


class Block(nn.Module):
    def __init__(self, width: int, mixer: nn.Module, expand: int = 4) -> None:
        super().__init__()
        self.norm1, self.mixer, self.norm2 = nn.LayerNorm(width), mixer, nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, expand * width), nn.Linear(expand * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class TokenMix(nn.Module):
    """MLP-Mixer and gMLP: a linear layer across the tokens."""

    def __init__(self, tokens: int, width: int, *, gated: bool = False) -> None:
        super().__init__()
        self.gated = gated
        self.into = nn.Linear(width, 2 * width) if gated else nn.Identity()
        self.mix = nn.Linear(tokens, tokens)
        self.out = nn.Linear(width, width) if gated else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.into(x)
        if self.gated:
            y, gate = y.chunk(2, -1)
            return self.out(y * self.mix(gate.transpose(1, 2)).transpose(1, 2))
        return self.mix(y.transpose(1, 2)).transpose(1, 2)


class Patches(nn.Module):
    """Patches, blocks over the tokens, and a head over their mean."""

    def __init__(self, width: int, *blocks: nn.Module, token: bool = False) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width)) if token else None
        self.blocks, self.norm, self.head = nn.Sequential(*blocks), nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.norm(self.blocks(x)).mean(1))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = conv(3, 16), conv(16, 32, stride=2)
        self.bottom, self.up = conv(32, 32), nn.ConvTranspose2d(32, 16, 2, 2)
        self.merge, self.head = conv(32, 16), nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.stem(x)
        low = self.bottom(self.down(skip))
        return self.head(self.merge(torch.cat([self.up(low), skip], 1)))


class Standardised(nn.Conv2d):
    """Weight standardisation, as in BiT and NFNet."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / weight.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class Same(nn.Conv2d):
    """TensorFlow's padding, as in EfficientNet's ports."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 2, 0, 2)), self.weight, self.bias, self.stride)


class Gated(nn.Module):
    """Gated linear unit with both halves in one layer (Llama's and timm's SwiGLU)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate_up, self.down = nn.Linear(width, 4 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(F.silu(gate) * up)


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.table, self.rnn = nn.Embedding(20, 16), kind(16, 24, 2, batch_first=True, **options)
        self.head = nn.Linear(48 if options.get("bidirectional") else 24, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.rnn(self.table(tokens))[0])


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.table(tokens)))


class WaveNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 16, 1)
        self.gates = nn.ModuleList(nn.Conv1d(16, 32, 2, dilation=2**i, padding=2**i) for i in range(2))
        self.mixes = nn.ModuleList(nn.Conv1d(16, 16, 1) for _ in range(2))
        self.head = nn.Conv1d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for gate, mix in zip(self.gates, self.mixes, strict=True):
            a, b = gate(x)[..., : x.shape[-1]].chunk(2, 1)
            x = x + mix(a.tanh() * b.sigmoid())
        return self.head(x)


class AutoEncoder(nn.Sequential):
    pass


def _images(make: Callable[[], nn.Module], size: int = 16, **options: Any) -> Build:
    return lambda: (make(), torch.randn(2, 3, size, size), options)


def _body(make: Callable[[], nn.Module], width: int, stem: int = 16, **options: Any) -> Build:
    return _images(lambda: Head(make(), width, stem), **options)


def _tokens(make: Callable[[], nn.Module], **options: Any) -> Build:
    return lambda: (make(), torch.randint(20, (2, 6)), options)


_S = nn.Sequential
NETWORKS: dict[str, Build] = {
    "AlexNet": _body(lambda: _S(conv(16, 32, 5), nn.MaxPool2d(2), conv(32, 24), conv(24, 24)), 24),
    "VGG": _body(lambda: _S(conv(16, 16), nn.MaxPool2d(2), conv(16, 32), conv(32, 32)), 32),
    "ResNet": _body(lambda: _S(*(Residual(_S(conv(16, 16), conv(16, 16))) for _ in range(2))), 16),
    "ResNet bottleneck": _body(
        lambda: Residual(_S(conv(16, 16, 1), conv(16, 16), conv(16, 64, 1)), conv(16, 64, 1)), 64
    ),
    "ResNeXt": _body(lambda: Residual(_S(conv(16, 32, 1), conv(32, 32, groups=4), conv(32, 16, 1))), 16),
    "Wide ResNet": _body(lambda: Residual(_S(conv(16, 64), conv(64, 64)), conv(16, 64, 1)), 64),
    "SE-ResNet": _body(lambda: Residual(_S(conv(16, 32), conv(32, 32), Squeeze(32)), conv(16, 32, 1)), 32),
    "RegNet": _body(
        lambda: Residual(_S(conv(16, 24, 1), conv(24, 24, groups=3), Squeeze(24), conv(24, 16, 1))), 16
    ),
    "DenseNet": _body(lambda: _S(DenseBlock(16, 16, 3), conv(64, 32, 1)), 32),
    "GoogLeNet": _body(
        lambda: _S(
            Branches(conv(16, 16, 1), _S(conv(16, 8, 1), conv(8, 16)), conv(16, 16, 5)), conv(48, 32, 1)
        ),
        32,
    ),
    "SqueezeNet": _body(lambda: _S(conv(16, 8, 1), Branches(conv(8, 16, 1), conv(8, 16))), 32),
    "MobileNet v1": _body(lambda: _S(conv(16, 16, groups=16), conv(16, 32, 1), conv(32, 32, groups=32)), 32),
    "MobileNet v2": _body(
        lambda: Residual(_S(conv(16, 64, 1), conv(64, 64, groups=64), nn.Conv2d(64, 16, 1))), 16
    ),
    "MobileNet v3": _body(
        lambda: Residual(_S(conv(16, 64, 1), conv(64, 64, groups=64), Squeeze(64), nn.Conv2d(64, 16, 1))), 16
    ),
    "EfficientNet, same padding": _body(lambda: _S(Same(16, 32, 3), nn.SiLU(), Squeeze(32)), 32),
    "ShuffleNet v2": _body(lambda: _S(Shuffle(32), Shuffle(32)), 32, 32),
    "MNASNet": _body(lambda: _S(conv(16, 48, 1), conv(48, 48, 5, groups=48), nn.Conv2d(48, 24, 1)), 24),
    "FCN": lambda: (
        _S(
            conv(3, 16),
            conv(16, 32, stride=2),
            conv(32, 32),
            nn.ConvTranspose2d(32, 16, 2, 2),
            nn.Conv2d(16, 2, 1),
        ),
        torch.randn(2, 3, 8, 8),
        {},
    ),
    "DeepLab": _body(
        lambda: _S(Branches(conv(16, 16, 1), nn.Conv2d(16, 16, 3, padding=2, dilation=2)), conv(32, 16, 1)), 16
    ),
    "UNet": _images(UNet, 8, stacked_inputs={"merge.0": 2}),
    "BiT, weight standardised": _body(lambda: _S(Standardised(16, 32, 3), nn.ReLU(), conv(32, 32)), 32),
    "NFNet, weight standardised": _body(
        lambda: Residual(_S(nn.Conv2d(16, 16, 1), Standardised(16, 16, 1))), 16
    ),
    "ConvNeXt": _body(lambda: _S(ConvNeXt(16), ConvNeXt(16)), 16),
    "ConvMixer": _body(
        lambda: _S(Residual(nn.Conv2d(32, 32, 5, padding=2, groups=32)), conv(32, 32, 1), conv(32, 32, 1)),
        32,
        32,
    ),
    "RepVGG": _body(lambda: Residual(conv(16, 16), nn.Conv2d(16, 16, 1)), 16),
    "CSPNet": _body(
        lambda: _S(Branches(conv(16, 16, 1), _S(conv(16, 16, 1), conv(16, 16))), conv(32, 32, 1)), 32
    ),
    "GhostNet": _body(
        lambda: _S(conv(16, 32, 1), Branches(nn.Identity(), conv(32, 32, groups=32)), conv(64, 16, 1)), 16
    ),
    "HRNet": _body(
        lambda: Branches(
            conv(16, 16), _S(nn.AvgPool2d(2), conv(16, 16), nn.Upsample(scale_factor=2), conv(16, 16))
        ),
        32,
    ),
    "ViT": _images(
        lambda: Patches(32, *(Block(32, Attention(32)) for _ in range(2)), token=True), stacked={"*.qkv": 3}
    ),
    "DeiT, parts not stacked": _images(lambda: Patches(32, Block(32, Attention(32)))),
    "Swin": _images(
        lambda: Patches(32, *(Block(32, Attention(32, window=4)) for _ in range(2))), stacked={"*.qkv": 3}
    ),
    "BEiT, SwiGLU": _images(
        lambda: Patches(32, Block(32, Attention(32)), Gated(32)), stacked={"*.qkv": 3, "*.gate_up": 2}
    ),
    "MLP-Mixer": _images(lambda: Patches(32, *(Block(32, TokenMix(16, 32)) for _ in range(2)))),
    "gMLP": _images(lambda: Patches(32, Block(32, TokenMix(16, 32, gated=True))), stacked={"*.into": 2}),
    "nn.TransformerEncoder": _tokens(Encoder),
    "LSTM": _tokens(lambda: Recurrent(nn.LSTM)),
    "bidirectional LSTM": _tokens(
        lambda: Recurrent(nn.LSTM, bidirectional=True), stacked_inputs={"rnn.weight_ih_l1*": 2}
    ),
    "GRU": _tokens(lambda: Recurrent(nn.GRU)),
    "WaveNet": lambda: (WaveNet(), torch.randn(2, 1, 16), {"stacked": {"gates.*": 2}}),
    "autoencoder": lambda: (
        AutoEncoder(
            nn.Linear(40, 32),
            nn.ReLU(),
            nn.Linear(32, 16),
            nn.ReLU(),
            nn.Linear(16, 32),
            nn.ReLU(),
            nn.Linear(32, 40),
        ),
        torch.randn(2, 40),
        {},
    ),
    "3-d CNN": lambda: (
        _S(nn.Conv3d(1, 16, 3), nn.ReLU(), nn.Conv3d(16, 24, 2), nn.Flatten(), nn.Linear(24 * 8, 5)),
        torch.randn(2, 1, 5, 5, 5),
        {},
    ),
}
