"""Whoever draws for a suite: what was drawn before is taken from the pictures' folder, the rest is drawn in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from overpaint.backbone.sampling import default_batch
from overpaint.bench.drawing import Drawing
from overpaint.bench.pictures import Pictures, key, state
from overpaint.bench.probes import Probe
from overpaint.errors import OverpaintError
from overpaint.progress import Progress, Silent

__all__ = ["Artist"]


@dataclass(frozen=True)
class Artist:
    """Draws probes with a model in one state.

    Attributes:
        backbone: the model; nothing in it is changed beyond `changed`.
        fingerprint: of the bare model.
        changes: what lies on it.
    """

    backbone: Any
    pictures: Pictures
    drawing: Drawing
    fingerprint: str
    changes: tuple[Any, ...] = ()

    @classmethod
    def of(cls, backbone: Any, pictures: Pictures, drawing: Drawing) -> Artist:
        """For a model without changes.

        Raises:
            OverpaintError: a safety checker is on: it would blacken pictures, and blackened pictures look like success.
        """
        if getattr(backbone.pipe, "safety_checker", None) is not None:
            raise OverpaintError(
                "the pipeline's safety checker is on; set pipe.safety_checker = None, or let overpaint.load open it"
            )
        return cls(backbone, pictures, drawing, backbone.fingerprint)

    @contextmanager
    def changed(self, changes: Sequence[Any]) -> Iterator[Artist]:
        """The same model with patches or guards applied, one on the other; leaving restores it."""
        with ExitStack() as stack:
            for change in changes:
                stack.enter_context(change.applied_to(self.backbone.pipe))
            yield Artist(self.backbone, self.pictures, self.drawing, self.fingerprint, (*self.changes, *changes))

    def keys(self, probes: Sequence[Probe]) -> list[str]:
        """The keys of the probes' pictures, drawn or not."""
        now = state(self.backbone, self.fingerprint, self.changes)
        return [key(now, probe.prompt, probe.seed, self.drawing) for probe in probes]

    def missing(self, probes: Sequence[Probe]) -> dict[str, Probe]:
        """What is not there yet, each picture once."""
        wanted = dict(zip(self.keys(probes), probes, strict=True))
        return {name: probe for name, probe in wanted.items() if not self.pictures.has(name)}

    def draw(self, probes: Sequence[Probe], progress: Progress | None = None, name: str = "drawing") -> list[str]:
        """Draw what is missing; returns the keys of all.

        Every batch has the same size, the last one filled up: a picture then comes out the same to the last bit
        whatever else is drawn with it, so that a killed suite goes on as if it had not been.
        """
        missing = self.missing(probes)
        items, size = list(missing.items()), self.batch
        with (progress or Silent()).task(name, total=len(items), unit="image") as advance:
            for start in range(0, len(items), size):
                part = items[start : start + size]
                full = [probe for _, probe in part] + [part[-1][1]] * (size - len(part))
                images = self.drawing.images(
                    self.backbone,
                    [probe.prompt for probe in full],
                    [probe.seed for probe in full],
                    batch=size,
                    progress=Silent(),
                )
                for (picture, _), image in zip(part, images, strict=False):
                    self.pictures.write(picture, image)
                advance(len(part))
        return self.keys(probes)

    @property
    def batch(self) -> int:
        """Pictures drawn at once."""
        return default_batch(self.backbone.latent_shape, self.backbone.device)
