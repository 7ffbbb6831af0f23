"""Plans back to files, nothing left to defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from overpaint.errors import PlanError
from overpaint.plan.building import COMPANIONS
from overpaint.plan.edit import Edit
from overpaint.plan.marked import RESOLVERS, TAG
from overpaint.plan.plan import Plan

__all__ = ["data", "text"]


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would read as something else than text, and repeats instead of pointing back."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never write ``&id001``: a person is to read this."""
        return True


for _name, (_pattern, _first) in RESOLVERS.items():
    _Dumper.add_implicit_resolver(TAG + _name, _pattern, _first)


def data(plan: Plan) -> dict[str, Any]:
    """The words of a plan file, as plain Python data."""
    return {
        "model": plan.model,
        "method": plan.method,
        "seed": plan.seed,
        "settings": plan.settings,
        "edits": [_edit(edit) for edit in plan.edits],
        "preserve": list(plan.preserve),
        **({"other_words": True} if plan.other_words else {}),
    }


def text(plan: Plan, path: Path) -> str:
    """The file's content, in the format of the ending of ``path``. PlanError for an ending that plans do not have."""
    if path.suffix.lower() == ".json":
        return json.dumps(data(plan), indent=2, ensure_ascii=False) + "\n"
    if path.suffix.lower() in (".yaml", ".yml"):
        written: str = yaml.dump(
            data(plan), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120, default_flow_style=None
        )
        return written
    raise PlanError(f"{path}: plans are written as .yaml, .yml or .json; choose one of these endings")


def _edit(edit: Edit) -> dict[str, Any]:
    words: dict[str, Any] = {edit.action: edit.source}
    becomes = edit.over if edit.over is not None else edit.destination
    if becomes is not None:
        words[COMPANIONS[edit.action]] = becomes
    if edit.within is not None:
        words["from"] = edit.within
    if edit.members:
        words["members"] = list(edit.members)
    if edit.also:
        words["also"] = list(edit.also)
    words["kind"] = edit.kind
    words["prompts"] = list(edit.prompts)
    if edit.seed is not None:
        words["seed"] = edit.seed
    if edit.images:
        words["images"] = [str(path.absolute()) for path in edit.images]
    return words
