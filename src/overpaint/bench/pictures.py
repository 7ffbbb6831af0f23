"""Pictures on disk under a hash of everything that they depend on, so that no picture is ever drawn twice.

The name says what drew it: the model's tensors as they were, changes applied, prompt, seed, steps, guidance, scheduler,
number type and kind of device. A killed suite finds what it had drawn; suites and methods share what the unedited model
draws; and a patch that changes no weight finds the unedited model's pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.parameters import resolve
from overpaint.bench.drawing import Drawing
from overpaint.files import replacing
from overpaint.hashing import loose_digest
from overpaint.patch.applied import base_of

__all__ = ["Opened", "Pictures", "key", "state"]

VERSION = 2
"""Of how pictures are drawn: counted up when the same request begins to give another picture."""


class Opened(Sequence[Image.Image]):
    """Picture files that are opened when they are asked for: thirty thousand do not fit in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)

    def __len__(self) -> int:
        """How many."""
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...

    @overload
    def __getitem__(self, index: slice) -> list[Image.Image]: ...

    def __getitem__(self, index: int | slice) -> Image.Image | list[Image.Image]:
        """One picture in RGB, or those of a slice."""
        if isinstance(index, slice):
            return [_open(path) for path in self._paths[index]]
        return _open(self._paths[index])


class Pictures:
    """A folder of PNG files, which are lossless."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, key: str) -> Path:
        """Where the picture of that key is, or will be."""
        return self.folder / key[:2] / f"{key}.png"

    def has(self, key: str) -> bool:
        """Whether it is there and whole."""
        try:
            with Image.open(self.path(key)) as image:
                image.load()  # a file that a power cut left half written is no picture
        except (OSError, SyntaxError):
            return False
        return True

    def read(self, keys: Sequence[str]) -> list[Image.Image]:
        """Pictures that are there."""
        return list(self.opened(keys))

    def opened(self, keys: Sequence[str]) -> Opened:
        """The same, opened one by one."""
        return Opened([self.path(one) for one in keys])

    def write(self, key: str, image: Image.Image) -> None:
        """Keep one, whole or not at all."""
        with replacing(self.path(key), durable=False) as temporary:
            image.convert("RGB").save(temporary, format="PNG")


def key(state: str, prompt: str, seed: int, drawing: Drawing) -> str:
    """The key of one picture of a model in that `state`: 64 hexadecimal digits."""
    return loose_digest([VERSION, state, prompt, seed, drawing.steps, drawing.guidance, drawing.precision])


def state(backbone: Any, fingerprint: str, changes: Sequence[Any] = ()) -> str:
    """What is drawn with: ``fingerprint`` of the bare model, and what the ``changes`` that lie on it made of it.

    Of patches the resulting tensors count, compared with the bare ones, not the patches themselves: one that changes
    nothing is no other state. What leaves the weights alone counts by its own hash.
    """
    names = sorted({name for change in changes for name in getattr(change, "deltas", ())})
    parameters = {name: resolve(backbone.pipe, name) for name in names}
    tensors = {name: _tensor(p) for name, p in parameters.items() if not torch.equal(p, base_of(p))}
    others = [change.hash for change in changes if not hasattr(change, "deltas")]
    scheduler = getattr(backbone.pipe, "scheduler", None)
    settings = dict(getattr(scheduler, "config", {}))
    return loose_digest(
        [
            fingerprint,
            tensors,
            others,
            type(scheduler).__name__,
            {name: value for name, value in settings.items() if not name.startswith("_")},
            str(getattr(backbone, "dtype", "")),
            getattr(getattr(backbone, "device", None), "type", ""),
        ]
    )


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _tensor(value: Tensor) -> str:
    data = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    return hashlib.sha256(data).hexdigest()
