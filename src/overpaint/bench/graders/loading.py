"""Graders by the names that people write on a command line."""

from __future__ import annotations

from collections.abc import Mapping

from overpaint.bench.graders.clip import ClipEncoder, EmojiClipEncoder, OpenClip, TransformersClip, ZeroShot
from overpaint.bench.graders.grader import Grader
from overpaint.errors import OverpaintError

__all__ = ["encoder_named", "grader_named"]

OPEN_CLIP = "open_clip:"


def grader_named(name: str, device: str = "cpu", classes: Mapping[str, int] | None = None) -> Grader:
    """``emoji``, ``efficientnet-lite0``, ``nudenet[:threshold]``, ``clip:MODEL``, or an image classifier's hub id.

    ``classes`` are names of ImageNet's classes for graders that bring none.

    Raises:
        OverpaintError: a package or a model is missing, with the command that brings it.
    """
    if name == "emoji":
        from overpaint.bench.graders.emoji import ConceptGrader

        return ConceptGrader.load(device)
    if name == "efficientnet-lite0":
        from overpaint.bench.graders.imagenet import EfficientNetLite

        return EfficientNetLite(classes, device)
    if name == "nudenet" or name.startswith("nudenet:"):
        from overpaint.bench.graders.nudenet import NudeNet

        _, _, threshold = name.partition(":")
        try:
            return NudeNet(float(threshold or 0.0))
        except ValueError:
            raise OverpaintError(f"grader {name}: write nudenet:0.6 for the threshold 0.6") from None
    if name.startswith("clip:"):
        return ZeroShot(encoder_named(name.removeprefix("clip:"), device))
    from overpaint.bench.graders.imagenet import TransformersClassifier

    return TransformersClassifier(name, device)


def encoder_named(name: str, device: str = "cpu") -> ClipEncoder:
    """A CLIP: ``emoji``, ``open_clip:ARCHITECTURE/PRETRAINING`` or a hub id of transformers.

    Raises:
        OverpaintError: as `grader_named`.
    """
    if name == "emoji":
        return EmojiClipEncoder(device=device)
    if name.startswith(OPEN_CLIP):
        return OpenClip(name.removeprefix(OPEN_CLIP), device)
    return TransformersClip(name, device)
