"""Networks of torchvision and timm themselves, with random weights, for ``benchmarks.architectures``.

Both import operators compiled for one build of torch, so they live in an environment of their own, see
``docs/architectures.md``. Images are of 64 pixels where the network takes them, so that Jacobians take seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Build = Callable[[], tuple[nn.Module, Any, dict[str, Any]]]


def _torchvision(name: str, size: int = 64, stacked: dict[str, int] | None = None, **settings: Any) -> Build:
    def build() -> tuple[nn.Module, Any, dict[str, Any]]:
        from torchvision import models

        module = models.get_model(name, weights=None, **settings)
        return module, torch.randn(2, 3, size, size), {} if stacked is None else {"stacked": stacked}

    return build


def _timm(name: str, size: int = 64, stacked: dict[str, int] | None = None, **settings: Any) -> Build:
    def build() -> tuple[nn.Module, Any, dict[str, Any]]:
        import timm

        module = timm.create_model(name, pretrained=False, num_classes=10, **settings)
        return module, torch.randn(2, 3, size, size), {} if stacked is None else {"stacked": stacked}

    return build


_LEAN: dict[str, Any] = {"weights_backbone": None, "num_classes": 5}

TORCHVISION: dict[str, Build] = {
    "alexnet": _torchvision("alexnet"),
    "resnet18": _torchvision("resnet18"),
    "resnet50": _torchvision("resnet50"),
    "resnext50_32x4d": _torchvision("resnext50_32x4d"),
    "wide_resnet50_2": _torchvision("wide_resnet50_2"),
    "densenet121": _torchvision("densenet121"),
    "googlenet": _torchvision("googlenet", init_weights=False, aux_logits=False),
    "inception_v3": _torchvision("inception_v3", 96, init_weights=False, aux_logits=False),
    "squeezenet1_1": _torchvision("squeezenet1_1"),
    "mobilenet_v2": _torchvision("mobilenet_v2"),
    "mobilenet_v3_small": _torchvision("mobilenet_v3_small"),
    "mnasnet0_5": _torchvision("mnasnet0_5"),
    "shufflenet_v2_x0_5": _torchvision("shufflenet_v2_x0_5"),
    "efficientnet_b0": _torchvision("efficientnet_b0"),
    "regnet_y_400mf": _torchvision("regnet_y_400mf"),
    "convnext_tiny": _torchvision("convnext_tiny"),
    "vit_b_32": _torchvision("vit_b_32", image_size=64),
    "swin_t": _torchvision("swin_t", stacked={"*.attn.qkv": 3}),
    "lraspp_mobilenet_v3_large": _torchvision("lraspp_mobilenet_v3_large", **_LEAN),
    "deeplabv3_mobilenet_v3_large": _torchvision("deeplabv3_mobilenet_v3_large", **_LEAN),
}

_QKV = {"*.attn.qkv": 3}

TIMM: dict[str, Build] = {
    "resnet18d": _timm("resnet18d"),
    "seresnet18": _timm("legacy_seresnet18"),
    "res2net50_26w_4s": _timm("res2net50_26w_4s"),
    "cspresnet50": _timm("cspresnet50"),
    "dla34": _timm("dla34"),
    "hrnet_w18_small": _timm("hrnet_w18_small"),
    "repvgg_a0": _timm("repvgg_a0"),
    "regnety_002": _timm("regnety_002"),
    "tf_efficientnet_b0": _timm("tf_efficientnet_b0"),
    "mobilenetv3_small_050": _timm("mobilenetv3_small_050"),
    "ghostnet_050": _timm("ghostnet_050"),
    "lcnet_050": _timm("lcnet_050"),
    "convnextv2_atto": _timm("convnextv2_atto"),
    "edgenext_xx_small": _timm("edgenext_xx_small"),
    "mobilevit_xxs": _timm("mobilevit_xxs"),
    "vit_tiny_patch16_224": _timm("vit_tiny_patch16_224", img_size=64, stacked=_QKV),
    "deit_tiny_distilled": _timm("deit_tiny_distilled_patch16_224", img_size=64, stacked=_QKV),
    "swin_tiny": _timm("swin_tiny_patch4_window7_224", img_size=64, window_size=4, stacked=_QKV),
    "mixer_s32_224": _timm("mixer_s32_224", 224),
    "poolformer_s12": _timm("poolformer_s12"),
    "pvt_v2_b0": _timm("pvt_v2_b0"),
}
