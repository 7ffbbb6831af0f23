"""The guard: what an inference-time method gives in place of a patch, with the same ``applied_to``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from overpaint.errors import PatchError
from overpaint.guards.denoiser import guarded
from overpaint.guards.layout import Layout, layout_of
from overpaint.guards.rules import RULES, Rule, from_data, to_data
from overpaint.guards.widening import States
from overpaint.hashing import loose_digest
from overpaint.patch import container

__all__ = ["Guard"]


class Guard:
    """A rule that is followed while pictures are drawn. Immutable; whoever has the weights can leave it away.

    Attributes:
        rule: what is avoided, and how.
        provenance: how it was made (plan, method, settings, seed, versions); JSON values only.
    """

    def __init__(self, rule: Rule, provenance: Mapping[str, Any] | None = None) -> None:
        self.rule = rule
        self.provenance: dict[str, Any] = json.loads(json.dumps(dict(provenance or {}), default=str))

    def check(self, pipe: Any) -> None:
        """Raises PatchError if the pipeline has no denoiser that a guard could stand before."""
        self._found(pipe)

    @contextmanager
    def applied_to(self, pipe: Any) -> Iterator[Any]:
        """``with guard.applied_to(pipe): ...``: every picture that is drawn with guidance inside follows the rule.

        Where a pipeline draws without guidance nothing happens, as in the published method. `NegativePrompt` takes the
        place of a negative prompt of the call's own.

        Raises:
            PatchError: another guard is on the model, or the pipeline is of another kind.
        """
        denoiser, layout = self._found(pipe)
        encoders = (getattr(pipe, name, None) for name in ("text_encoder", "text_encoder_2", "text_encoder_3"))
        readers = [encoder.get_input_embeddings() for encoder in encoders if encoder is not None]
        with guarded(denoiser, layout, self.rule, partial(_states, pipe, layout), readers):
            yield pipe

    def scale(self, factor: float) -> Guard:
        """The guard itself for 1; others have no meaning. Raises PatchError."""
        if factor != 1:
            raise PatchError(f"{self._title} has no strength to scale; make one with other settings")
        return self

    @property
    def hash(self) -> str:
        """sha256 over the rule alone."""
        return loose_digest(self.described)

    @property
    def size(self) -> int:
        """Bytes of weights: none."""
        return 0

    @property
    def described(self) -> dict[str, Any]:
        """The rule as JSON data: its kind, what it avoids, its numbers."""
        return to_data(self.rule)

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file without tensors, whole or not at all."""
        return container.write(path, {}, {"guard": self.described, "provenance": self.provenance})

    @classmethod
    def load(cls, path: str | Path) -> Guard:
        """Read a guard. Raises PatchError, in one line, if the file is none or of a newer format."""
        try:
            document, _ = container.read(path)
            said = dict(document.get("guard") or {})
            kind = said.pop("kind", None)
            if kind not in RULES:
                raise PatchError("holds no guard" if not kind else f"holds a guard {kind!r}, unknown here; update it")
            return cls(from_data(kind, said), document.get("provenance"))
        except (TypeError, ValueError):
            raise PatchError(f"{path}: is damaged: what it says of its guard cannot be read") from None
        except PatchError as error:
            raise PatchError(f"{path}: {error}") from None

    def __repr__(self) -> str:
        """Kind and concept."""
        return f"Guard({self.rule!r})"

    def _found(self, pipe: Any) -> tuple[Any, Layout]:
        found = layout_of(pipe)
        if found is None or not hasattr(pipe, "encode_prompt"):
            raise PatchError(
                f"{self._title} does not fit {type(pipe).__name__}: it has no denoiser that is known to predict with"
                " and without a prompt"
            )
        return found

    @property
    def _title(self) -> str:
        return f"guard {self.rule.kind}"


@torch.no_grad()
def _states(pipe: Any, layout: Layout, text: str, rows: int) -> States:
    """What the pipeline itself hands its denoiser for a prompt; those of larger models give four values."""
    taken = inspect.signature(pipe.encode_prompt).parameters
    more: dict[str, Any] = {name: None for name in ("prompt_2", "prompt_3") if name in taken}
    if "num_images_per_prompt" in taken:
        more["num_images_per_prompt"] = 1
    if "do_classifier_free_guidance" in taken:
        more["do_classifier_free_guidance"] = False
    if layout.window is not None:
        more["max_sequence_length"] = layout.window(pipe, rows)
    found = pipe.encode_prompt(prompt=text, device=pipe._execution_device, **more)
    tokens = found[0][0][None] if layout.listed else found[0]
    return States(tokens, found[2] if len(found) > 2 else None)
