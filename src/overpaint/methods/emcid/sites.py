"""Which blocks of which text encoders are edited, from the settings and the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.errors import PlanError
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.plan import Plan
from overpaint.trace import causal_trace, choose_blocks

__all__ = ["edited", "sites_of", "weights_of"]

Value = TypeVar("Value")


def edited(backbone: Backbone, plan: Plan, config: EmcidConfig) -> list[TextEncoder]:
    """The text encoders to edit: those that the settings name, or all that the denoiser reads token by token.

    Raises:
        PlanError: the model has none of that name.
    """
    if not isinstance(config.blocks, Mapping):
        return backbone.token_encoders
    known = [text.name for text in backbone.text_encoders]
    for name in config.blocks:
        if name not in known:
            raise PlanError(f"{plan.at('settings.blocks')}: the model has no {name!r}; there is {', '.join(known)}")
    return [text for text in backbone.text_encoders if text.name in config.blocks]


def sites_of(backbone: Backbone, plan: Plan, config: EmcidConfig) -> dict[str, tuple[int, ...]]:
    """Blocks to edit, by text encoder in the pipeline's order; where the settings leave them open, by a causal trace.

    Raises:
        PlanError: blocks that the encoder does not have, or whose work the denoiser does not see.
    """
    sites: dict[str, tuple[int, ...]] = {}
    for text in edited(backbone, plan, config):
        blocks = _of(config.blocks, text, plan, "blocks", len(backbone.token_encoders))
        if blocks is None:
            blocks = choose_blocks(causal_trace(text), blocks=len(text.blocks))
        if max(blocks) >= text.depth:
            raise PlanError(
                f"{plan.at('settings.blocks')}: what the denoiser reads of {text.name} is made by its blocks 0 to"
                f" {text.depth - 1}, not {max(blocks)}; name others"
            )
        sites[text.name] = blocks
    return sites


def weights_of(texts: list[TextEncoder], plan: Plan, config: EmcidConfig) -> dict[str, float]:
    """Lambda by text encoder. PlanError if the settings give it for some of the edited ones only."""
    return {text.name: _of(config.lambda_, text, plan, "lambda", 1) for text in texts}


def _of(setting: Value | Mapping[str, Value], text: TextEncoder, plan: Plan, name: str, encoders: int) -> Value:
    """What a setting says for one encoder: its own entry, or the one value for all."""
    if isinstance(setting, Mapping):
        if text.name not in setting:
            raise PlanError(f"{plan.at(f'settings.{name}')}: says nothing of {text.name}; give it a value, too")
        found: Value = setting[text.name]
        return found
    if setting is not None and encoders > 1:
        raise PlanError(
            f"{plan.at(f'settings.{name}')}: the model has {encoders} text encoders; say which one is meant, as in"
            f" {name}: {{{text.name}: [0, 1]}}"
        )
    return setting
