"""Who judges which suite unless somebody else is asked for, by the names that people write on a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import TypeVar

from overpaint.bench.graders.clip import BIG_G, LARGE
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.graders.imagenet import VIT
from overpaint.bench.graders.loading import OPEN_CLIP, encoder_named, grader_named
from overpaint.bench.metrics.distribution import INCEPTION, Features, GraderFeatures
from overpaint.bench.metrics.perceptual import GraderDistance, Lpips, Perceptual
from overpaint.bench.suites.suite import Judges
from overpaint.errors import OverpaintError

__all__ = ["DEFAULTS", "NONE", "Named", "judges_named"]

NONE = "none"
EMOJI = "emoji"
LPIPS_SIDE = 64
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Named:
    """Judges by name; "none" for those that a suite does without.

    Attributes:
        grader: as `grader_named` takes it.
        clip: as `encoder_named` takes it.
        perceptual: "lpips" (AlexNet, at 64 pixels, as published), "lpips-full" or "emoji".
        features: "inception" or "emoji".
    """

    grader: str = NONE
    clip: str = NONE
    perceptual: str = NONE
    features: str = NONE


DEFAULTS: Mapping[str, Named] = MappingProxyType(
    {
        "emoji": Named(EMOJI, EMOJI, EMOJI, EMOJI),
        "attacks": Named(EMOJI),
        "iceb": Named(VIT),
        "imagenette": Named(VIT),
        "artists": Named(clip=LARGE, perceptual="lpips"),
        "i2p": Named("nudenet"),
        "timed": Named(f"clip:{OPEN_CLIP}{BIG_G}"),
        "road": Named(f"clip:{OPEN_CLIP}{BIG_G}"),
        "professions": Named(f"clip:{LARGE}"),
        "coco": Named(clip=LARGE, perceptual="lpips", features="inception"),
    }
)
"""The judges of each suite's protocol."""


def judges_named(named: Named, device: str = "cpu", classes: Mapping[str, int] | None = None) -> Judges:
    """Load them; ``classes`` as in `grader_named`.

    Raises:
        OverpaintError: an unknown name, or a judge that cannot be had, with the remedy.
    """
    perceptual: Mapping[str, Callable[[], Perceptual]] = {
        "lpips": lambda: Lpips(side=LPIPS_SIDE, device=device),
        "lpips-full": lambda: Lpips(device=device),
        EMOJI: lambda: GraderDistance(ConceptGrader.load(device).network),
    }
    features: Mapping[str, Callable[[], Features]] = {
        "inception": lambda: INCEPTION,
        EMOJI: lambda: GraderFeatures.of(ConceptGrader.load(device).network),
    }
    if named.features != NONE and find_spec("torchmetrics") is None:
        raise OverpaintError(
            "FID and KID need torchmetrics; pip install 'overpaint[bench]', or leave them out: --features none"
        )
    return Judges(
        grader=None if named.grader == NONE else grader_named(named.grader, device, classes),
        clip=None if named.clip == NONE else encoder_named(named.clip, device),
        perceptual=_chosen("perceptual distance", named.perceptual, perceptual),
        features=_chosen("features", named.features, features),
    )


def _chosen(what: str, name: str, known: Mapping[str, Callable[[], _Kind]]) -> _Kind | None:
    if name == NONE:
        return None
    if name not in known:
        raise OverpaintError(f"{what} {name}: unknown; there are {', '.join((*known, NONE))}")
    return known[name]()
