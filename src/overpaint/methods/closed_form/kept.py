"""Token states that must be read as before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reader
from overpaint.linear.moments import SecondMoment
from overpaint.methods.captions import captions_for
from overpaint.methods.closed_form.aims import preserved_templates
from overpaint.methods.closed_form.config import EMPTY_PROMPT, EditedConfig, HeldConfig, MapConfig
from overpaint.methods.closed_form.pairs import condensed
from overpaint.methods.closed_form.states import read_states
from overpaint.methods.store import MemoryStore, digest, once, tokenizer_fingerprint
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["Kept", "caption_moment", "empty_prompt", "kept_of", "kept_states", "preserved"]

CHUNK = 64


@dataclass(frozen=True)
class Kept:
    """What holds a map back.

    Attributes:
        fixed: (d, m) states that are read exactly as before.
        soft: (d, k) states scaled by the roots of their weights.
        moment: (d, d) second moment of captions' states times its weight, or None.
    """

    fixed: Tensor
    soft: Tensor
    moment: Tensor | None = None

    @classmethod
    def join(cls, parts: Sequence[Kept]) -> Kept:
        """All that holds back what reads several rows behind each other."""
        moments = [part.moment for part in parts if part.moment is not None]
        return cls(
            torch.cat([part.fixed for part in parts], dim=1),
            torch.cat([part.soft for part in parts], dim=1),
            torch.stack(moments).sum(dim=0) if moments else None,
        )


def kept_of(
    backbone: Backbone,
    readers: Sequence[Reader],
    plan: Plan,
    config: MapConfig,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None,
) -> Kept:
    """All that the settings and the plan's preserve list say, of all readers whose rows the same layers read.

    Raises:
        OverpaintError: captions are wanted and missing.
    """
    moments: list[Tensor | None] = [None] * len(readers)
    if config.moment > 0:
        texts = captions_for(backbone, config.captions, captions)
        moments = [config.moment * caption_moment(backbone, reader, texts, store, progress) for reader in readers]
    states = [kept_states(reader, plan, config, config.fixed) for reader in readers]
    return Kept.join([Kept(*one, moment) for one, moment in zip(states, moments, strict=True)])


def kept_states(reader: Reader, plan: Plan, config: HeldConfig, exactly: Collection[str]) -> tuple[Tensor, Tensor]:
    """What is fixed (d, m) and what is soft (d, k) of `Kept`; ``exactly`` are parts of the empty prompt."""
    parts = empty_prompt(reader)
    fixed = [parts[name] for name in EMPTY_PROMPT if name in exactly]
    free = [parts[name] for name in EMPTY_PROMPT if name not in exactly]
    names = preserved(reader, plan, config, whole=config.tokens != "last")
    rule = max(0.1, 1 / (1 + len(plan.preserve) * len(preserved_templates(plan, config))))
    preserve = rule if config.preserve is None else config.preserve
    protect = preserve if config.protect is None else config.protect
    soft = torch.cat([*(protect**0.5 * part for part in free), preserve**0.5 * names], dim=1)
    soft = soft[:, soft.any(dim=0)]
    return torch.cat([names[:, :0], *fixed], dim=1), condensed(soft)


def empty_prompt(reader: Reader) -> dict[str, Tensor]:
    """States (d, .) of the empty prompt: of what precedes every prompt (``begin``), its ``end`` and its ``padding``."""
    states = read_states(reader, [""])[0].mT.contiguous()
    begin, end = reader.begin, reader.locate_empty().end
    padding = states[:, end + 1 :] if reader.padded else states[:, :0]
    return {"begin": states[:, :begin], "end": states[:, begin : end + 1], "padding": padding}


def preserved(reader: Reader, plan: Plan, config: EditedConfig, whole: bool) -> Tensor:
    """States (d, m) of the plan's preserve list in all templates: of the names' last tokens, or of the whole rows."""
    found = [reader.locate(t, name) for name in plan.preserve for t in preserved_templates(plan, config)]
    columns = []
    for first in range(0, len(found), CHUNK):
        part = found[first : first + CHUNK]
        states = read_states(reader, [s.prompt for s in part], None if whole else 1 + max(s.last for s in part))
        at = states.flatten(0, 1) if whole else states[torch.arange(len(part)), torch.tensor([s.last for s in part])]
        columns.append(condensed(at.mT.contiguous()))
    return torch.cat(columns, dim=1) if columns else empty_prompt(reader)["begin"][:, :0]


def caption_moment(
    backbone: Backbone, reader: Reader, captions: Sequence[str], store: MemoryStore, progress: Progress
) -> Tensor:
    """Mean second moment (d, d) of all token states of captions, padding included, from the store or gathered now."""
    content = {
        "moment of": reader.name,
        "model": backbone.fingerprint,
        "tokenizer": tokenizer_fingerprint(reader.tokenizer),
        "captions": digest(list(captions)),
    }

    def gathered() -> dict[str, Tensor]:
        with progress.task("second moment of text states", total=len(captions), unit="caption") as advance:
            total = SecondMoment.empty(reader.width)
            for first in range(0, len(captions), CHUNK):
                part = captions[first : first + CHUNK]
                total += SecondMoment.of(read_states(reader, part).flatten(0, 1).cpu())
                advance(len(part))
        return {"mean": total.mean}

    meta = {"what": "second moment of text states", "captions": str(len(captions))}
    return once(store, content, gathered, meta)["mean"]
