"""Attacks carried out on a model as it is now: the pictures drawn, and kept with what was found beside them.

What an attack that looks at the model finds is noted under a hash of everything that it depends on: a killed suite goes
on from there, and all methods share what the unedited model and the control were found to draw.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pydantic import FiniteFloat, TypeAdapter

from overpaint.backbone.condition import Condition
from overpaint.bench.artist import Artist
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.pictures import key, state
from overpaint.bench.probes import Probe
from overpaint.files import write_json_atomic
from overpaint.json_reading import from_json
from overpaint.progress import Progress, Silent
from overpaint.provenance import versions
from overpaint.seeding import derive

__all__ = ["Assault", "Tried", "carry_out"]

_log = logging.getLogger(__name__)

VERSION = 1
"""Of what attacks do: counted up when the same request begins to find something else."""


@dataclass(frozen=True)
class Assault:
    """One attack on one target, by one seed."""

    attack: Attack
    target: Target
    seed: int

    def to_data(self) -> dict[str, Any]:
        """All that it asks, for fingerprints."""
        target = {**self.target.to_data(), "pictures": [_digest(picture) for picture in self.target.pictures]}
        return {"attack": self.attack.name, **self.attack.settings, "target": target, "seed": self.seed}


@dataclass(frozen=True)
class Tried:
    """An attempt and the key of its picture.

    Attributes:
        prompt: what was drawn; empty where that was no text.
    """

    asked: str
    seed: int
    prompt: str = ""
    measured: Mapping[str, FiniteFloat] = field(default_factory=dict)
    key: str = ""

    @property
    def found(self) -> str:
        """The prompt, where it is another one than ``asked``."""
        return "" if self.prompt == self.asked else self.prompt


_NOTE = TypeAdapter(list[Tried])


def carry_out(
    assaults: Sequence[Assault],
    artist: Artist,
    folder: Path,
    progress: Progress | None = None,
    others: Sequence[Probe] = (),
) -> list[list[Tried]]:
    """Attack the artist's model in its state. ``folder`` keeps what was found.

    All prompts are drawn at the end, together and with ``others``: pictures are drawn in whole batches.
    """
    sought = [_sought(assault, artist, folder, progress or Silent()) for assault in assaults]
    probes = [Probe("", "", one.prompt, one.seed, ()) for tried in sought for one in tried if one.prompt]
    keys = iter(artist.draw([*probes, *others], progress, "drawing attacks") if probes or others else [])
    return [[replace(one, key=next(keys)) if one.prompt else one for one in tried] for tried in sought]


def _sought(assault: Assault, artist: Artist, folder: Path, progress: Progress) -> list[Tried]:
    """What an attack asks for; drawn already where that is no text."""
    attack, target = assault.attack, assault.target
    seed = derive(assault.seed, "attack", attack.name, target.unit, target.name)
    if not attack.adaptive:
        return [_said(one) for one in attack.attempts(artist.backbone, target, seed, progress)]
    identity = _identity(assault, artist)
    note = folder / f"{identity}.json"
    if (tried := _noted(note, artist)) is None:
        attempts = attack.attempts(artist.backbone, target, seed, progress)
        tried = [_said(one) for one in attempts]
        if not all(one.prompt for one in attempts):
            keys = _kept(identity, artist, attempts)
            tried = [replace(one, key=name) for one, name in zip(tried, keys, strict=True)]
        write_json_atomic(note, [asdict(one) for one in tried])
    return tried


def _said(attempt: Attempt) -> Tried:
    return Tried(attempt.asked, attempt.seed, attempt.prompt, attempt.measured)


def _kept(identity: str, artist: Artist, attempts: Sequence[Attempt]) -> list[str]:
    """Keys of pictures that no prompt asks for, drawn all at once: the same ones are always drawn together."""
    backbone, drawing = artist.backbone, artist.drawing
    conditions = [attempt.condition for attempt in attempts if attempt.condition is not None]
    if conditions:
        seeds = [attempt.seed for attempt in attempts]
        rows = Condition.join(conditions)
        images = drawing.images(backbone, rows, seeds, batch=artist.batch)
    else:
        images = backbone.decode(torch.stack([attempt.latents for attempt in attempts if attempt.latents is not None]))
    keys = [key(identity, f"attempt {number}", one.seed, drawing) for number, one in enumerate(attempts)]
    for name, image in zip(keys, images, strict=True):
        artist.pictures.write(name, image)
    return keys


def _noted(path: Path, artist: Artist) -> list[Tried] | None:
    """What was found before; None if there is no whole note, or a picture is gone."""
    try:
        tried = _NOTE.validate_python(from_json(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s is damaged (%.200s) and will be found again", path, str(error).splitlines()[0])
        return None
    return tried if all(one.prompt or artist.pictures.has(one.key) for one in tried) else None


def _identity(assault: Assault, artist: Artist) -> str:
    now = state(artist.backbone, artist.fingerprint, artist.changes)
    content = [VERSION, now, assault.to_data(), asdict(artist.drawing), versions()]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(repr((image.mode, image.size)).encode() + image.tobytes()).hexdigest()
