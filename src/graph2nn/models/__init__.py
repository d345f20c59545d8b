"""Architectures, each written once against a wiring."""

from graph2nn.models.architecture import Architecture
from graph2nn.models.cnn import CNN
from graph2nn.models.connectome_rnn import ConnectomeRNN
from graph2nn.models.efficientnet import EfficientNet
from graph2nn.models.gpt import GPT
from graph2nn.models.initialise import initialise
from graph2nn.models.layer_shapes import FixedShape, LayerShape, Shape
from graph2nn.models.mlp import MLP
from graph2nn.models.mobilenet import MobileNetV1
from graph2nn.models.recurrent import RecurrentClassifier
from graph2nn.models.registry import ARCHITECTURES, architecture, build_model
from graph2nn.models.resnet import ResNet
from graph2nn.models.transformer import Transformer
from graph2nn.models.translator import Translator
from graph2nn.models.vgg import VGG
from graph2nn.models.vit import VisionTransformer

__all__ = [
    "ARCHITECTURES",
    "CNN",
    "GPT",
    "MLP",
    "VGG",
    "Architecture",
    "ConnectomeRNN",
    "EfficientNet",
    "FixedShape",
    "LayerShape",
    "MobileNetV1",
    "RecurrentClassifier",
    "ResNet",
    "Shape",
    "Transformer",
    "Translator",
    "VisionTransformer",
    "architecture",
    "build_model",
    "initialise",
]
