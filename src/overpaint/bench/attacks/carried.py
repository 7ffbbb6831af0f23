"""Attacks carried out on a model as it is now: the pictures drawn, and kept with what was found beside them.

What an attack that looks at the model finds is noted under a hash of everything that it depends on: a killed suite goes
on from there, and all methods share what the unedited model and the control were found to draw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from overpaint.backbone.condition import Condition
from overpaint.bench.artist import Artist
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.pictures import key, state
from overpaint.bench.probes import Probe
from overpaint.files import write_json_atomic
from overpaint.progress import Progress, Silent
from overpaint.provenance import versions
from overpaint.seeding import derive

__all__ = ["Assault", "Tried", "carry_out"]

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
        found: the prompt, where it is another one than ``asked``.
    """

    asked: str
    seed: int
    key: str
    found: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


def carry_out(assault: Assault, artist: Artist, folder: Path, progress: Progress | None = None) -> list[Tried]:
    """Attack the artist's model in its state. ``folder`` keeps what was found."""
    progress = progress or Silent()
    attack = assault.attack
    seed = derive(assault.seed, "attack", attack.name, assault.target.unit, assault.target.name)
    if not attack.adaptive:
        return _drawn(assault, artist, attack.attempts(artist.backbone, assault.target, seed, progress), progress)
    note = folder / f"{_identity(assault, artist)}.json"
    if (tried := _noted(note, artist)) is None:
        tried = _drawn(assault, artist, attack.attempts(artist.backbone, assault.target, seed, progress), progress)
        write_json_atomic(note, [asdict(one) for one in tried])
    return tried


def _drawn(assault: Assault, artist: Artist, attempts: Sequence[Attempt], progress: Progress) -> list[Tried]:
    """The attempts, which are all of one kind, and their pictures."""
    if all(attempt.prompt for attempt in attempts):
        probes = [Probe("", "", attempt.prompt, attempt.seed, ()) for attempt in attempts]
        keys = artist.draw(probes, progress, assault.attack.name)
    else:
        keys = _kept(assault, artist, attempts)
    return [
        Tried(one.asked, one.seed, name, "" if one.prompt in ("", one.asked) else one.prompt, one.measured)
        for one, name in zip(attempts, keys, strict=True)
    ]


def _kept(assault: Assault, artist: Artist, attempts: Sequence[Attempt]) -> list[str]:
    """Keys of pictures that no prompt asks for, drawn all at once: the same ones are always drawn together."""
    backbone, drawing = artist.backbone, artist.drawing
    conditions = [attempt.condition for attempt in attempts if attempt.condition is not None]
    if conditions:
        seeds = [attempt.seed for attempt in attempts]
        rows = Condition.join(conditions)
        images = backbone.images(rows, seeds, drawing.steps, drawing.guidance, batch=artist.batch)
    else:
        images = backbone.decode(torch.stack([attempt.latents for attempt in attempts if attempt.latents is not None]))
    identity = _identity(assault, artist)
    keys = [key(identity, f"attempt {number}", one.seed, drawing) for number, one in enumerate(attempts)]
    for name, image in zip(keys, images, strict=True):
        artist.pictures.write(name, image)
    return keys


def _noted(path: Path, artist: Artist) -> list[Tried] | None:
    """What was found before; None if there is no whole note, or a picture is gone."""
    try:
        tried = [Tried(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None
    return tried if all(artist.pictures.has(one.key) for one in tried) else None


def _identity(assault: Assault, artist: Artist) -> str:
    now = state(artist.backbone, artist.fingerprint, artist.changes)
    content = [VERSION, now, assault.to_data(), asdict(artist.drawing), versions()]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(repr((image.mode, image.size)).encode() + image.tobytes()).hexdigest()
