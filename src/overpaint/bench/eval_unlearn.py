"""Techniques for the ``eval-unlearn`` benchmark harness, which finds them by the package's entry points.

Its configuration files name them ``overpaint_emcid`` and ``overpaint_esd``::

    technique:
      name: overpaint_esd
      config: {model_id: CompVis/stable-diffusion-v1-4, erase_concept: nudity}

Nothing of the harness is imported here: a technique is a class with ``generate(prompts, seed, **options)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from overpaint.errors import OverpaintError

__all__ = ["Emcid", "Esd", "Technique"]


class Technique:
    """A model with a concept erased, or with a patch that was made before.

    Args:
        model_id: bundled name, hub id, folder or file.
        erase_concept: what to erase; to nothing in particular, or to ``anchor``.
        load_path: a patch file to use in place of erasing.
        kind: of the concept ("object", "style", "content"...).
        settings: of the method.
        captions: file of captions that methods with second moments need on models other than the bundled one.
        num_inference_steps, guidance_scale: of pictures.

    Raises:
        OverpaintError: neither or both of ``erase_concept`` and ``load_path``, or what `overpaint.fit` raises.
    """

    method: ClassVar[str]

    def __init__(
        self,
        model_id: str = "CompVis/stable-diffusion-v1-4",
        erase_concept: str | None = None,
        anchor: str | None = None,
        load_path: str | None = None,
        kind: str = "object",
        settings: Mapping[str, Any] | None = None,
        captions: str | None = None,
        device: str | None = None,
        seed: int = 0,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
    ) -> None:
        from overpaint.backbone.devices import best_device
        from overpaint.backbone.loading import backbone_of, load
        from overpaint.guards import load_change
        from overpaint.methods import fit
        from overpaint.plan import Edit, Plan

        if (erase_concept is None) == (load_path is None):
            raise OverpaintError(f"{self.method}: say either erase_concept or load_path")
        pipe = load(model_id, device or str(best_device()))
        self._backbone = backbone_of(pipe)
        if load_path is not None:
            change: Any = load_change(load_path)
        else:
            edit = Edit(action="erase", source=str(erase_concept), destination=anchor, kind=kind)
            plan = Plan(model=model_id, method=self.method, settings=dict(settings or {}), edits=(edit,), seed=seed)
            lines = None if captions is None else Path(captions).read_text(encoding="utf-8").splitlines()
            change = fit(pipe, plan, captions=lines)
        # entered for as long as the technique lives: the harness has no word for the end
        self._applied = change.applied_to(pipe)
        self._applied.__enter__()
        self._steps = num_inference_steps
        self._guidance = guidance_scale

    def generate(self, prompts: Sequence[str], seed: int | None = None, **options: Any) -> list[Image.Image]:
        """A picture for each prompt, at ``seed``, ``seed`` + 1, ... as the harness' own techniques count.

        ``options``: ``num_inference_steps`` and ``guidance_scale``; others mean nothing here and are refused.
        """
        steps = options.pop("num_inference_steps", self._steps)
        guidance = options.pop("guidance_scale", self._guidance)
        if options:
            raise OverpaintError(f"{self.method}: unknown option {next(iter(options))!r} of generate")
        first = 0 if seed is None else seed
        return self._backbone.images(list(prompts), [first + k for k in range(len(prompts))], steps, guidance)


class Emcid(Technique):
    """EMCID: the concept's meaning in the text encoder is rewritten."""

    method = "emcid"


class Esd(Technique):
    """ESD-x: cross-attention is trained away from the concept."""

    method = "esd-x"
