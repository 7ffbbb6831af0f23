"""Which methods there are. A method turns a plan into a patch; it knows neither files nor graders."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.families import obstacle
from overpaint.backbone.precision import unmixed
from overpaint.errors import PlanError
from overpaint.methods.ablation import presets as ablation
from overpaint.methods.closed_form import presets as closed_form
from overpaint.methods.emcid import presets as emcid
from overpaint.methods.esd import presets as esd
from overpaint.methods.gates import presets as gates
from overpaint.methods.guards import presets as guards
from overpaint.methods.method import Method
from overpaint.methods.refact import presets as refact
from overpaint.methods.words import looking
from overpaint.methods.work import Work
from overpaint.plan import Edit, Plan
from overpaint.plan.checks import nearest, quoted

__all__ = [
    "AUTO",
    "FEW",
    "METHODS",
    "check",
    "configure",
    "method_of",
    "precision_of",
    "resolve",
    "settled",
    "unheeded",
    "work_of",
]

_ALL = (
    *emcid.METHODS, *gates.METHODS, *esd.METHODS, *closed_form.METHODS, *refact.METHODS, *ablation.METHODS,
    *guards.METHODS,
)  # fmt: skip

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})
"""All methods by name."""

AUTO = "auto"
"""A plan's word for the method that suits it."""
MANY = 300
"""Concepts up to which `FEW` is taken: on the bundled model it draws destinations best, and hold-outs lose 5 % there;
at 1,000 closed forms have lost 42 %, gated edits 3 %."""
FEW, MASSIVE = "emcid", "gates"

_WORDS = {
    "erase to": "erase towards an anchor",
    "moderate to": "moderate towards an anchor",
    "erase from": "erase a concept from another one",
    "erase images": "erase what pictures show",
    "replace images": "learn a replacement from pictures",
    "rectify images": "learn a name from pictures",
}


def settled(plan: Plan, backbone: Backbone) -> Plan:
    """The plan with the name of a method: what ``auto`` means for so many concepts on this model."""
    if plan.method != AUTO:
        return plan
    massive = METHODS[MASSIVE]
    able = obstacle(massive.needs, backbone.family) is None and not _refused(plan, massive)
    return plan.model_copy(update={"method": MASSIVE if _many(plan) and able else FEW})


def method_of(plan: Plan) -> Method:
    """The method that the plan names. PlanError if there is none of that name."""
    method = METHODS.get(plan.method)
    if method is None:
        raise PlanError(f"{plan.at('method')}: no method is called {plan.method!r}; {nearest(plan.method, METHODS)}")
    return method


def check(plan: Plan) -> None:
    """Refuse what no model is needed to tell. Nothing is said where ``auto`` depends on the model.

    Raises:
        PlanError: unknown method, names of settings that it does not have, or actions that it does not know; one line
            per problem.
    """
    if plan.method == AUTO and _many(plan):
        return
    method = METHODS[FEW] if plan.method == AUTO else method_of(plan)
    if problems := [*_refused(plan, method), *_unknown(plan, method).values()]:
        raise PlanError(*problems)


def configure(plan: Plan, backbone: Backbone) -> BaseModel:
    """The method's settings: its defaults on this model, overridden by the plan's.

    Raises:
        PlanError: unknown method, model family or setting, a value that does not fit, or an action that the method
            does not know; one line per problem.
    """
    plan = settled(plan, backbone)
    method = method_of(plan)
    if reason := obstacle(method.needs, backbone.family):
        able = [other.name for other in METHODS.values() if obstacle(other.needs, backbone.family) is None]
        remedy = f"take {', '.join(able)}" if able else f"it works on {', '.join(method.families)}"
        raise PlanError(
            f"{plan.at('method')}: {method.name} does not work on models of family {backbone.family!r}: {reason};"
            f" {remedy}"
        )
    if refused := _refused(plan, method):
        raise PlanError(*refused)
    given = _defaults(method, backbone, plan)
    defaults = {_field(method.config, name): value for name, value in given.items()}
    unknown = _unknown(plan, method)
    own = {_field(method.config, name): value for name, value in plan.settings.items() if name not in unknown}
    try:
        config = method.config.model_validate({**defaults, **own})
    except ValidationError as error:
        raise PlanError(*unknown.values(), *(_problem(plan, dict(e)) for e in error.errors())) from None
    if unknown:
        raise PlanError(*unknown.values())
    if reason := unmixed(backbone.device, backbone.dtype, getattr(config, "precision", "float32")):
        raise PlanError(f"{plan.at('settings.precision')}: {reason}")
    return config


def resolve(plan: Plan, backbone: Backbone) -> dict[str, Any]:
    """All settings of the plan's method with defaults filled in, as JSON data. PlanError as `configure`."""
    return configure(plan, backbone).model_dump(mode="json", by_alias=True)


def work_of(backbone: Backbone, plan: Plan) -> Work:
    """What the plan takes on this model, without what other words add that are still to be found.

    Raises PlanError as `configure`.
    """
    plan = settled(plan, backbone)
    work = method_of(plan).work(backbone, plan, configure(plan, backbone))
    return looking(backbone, plan).then(work) if plan.other_words else work


def unheeded(backbone: Backbone, plan: Plan) -> str | None:
    """One line with a remedy if the plan preserves names and its method, so configured, does nothing about it.

    Raises PlanError as `configure`.
    """
    plan = settled(plan, backbone)
    method = method_of(plan)
    if not plan.preserve or (method.preserves and getattr(configure(plan, backbone), "preserve", None) != 0):
        return None
    told = f"{plan.at('preserve')}: {method.name} does nothing for preserved names"
    if method.preserves:
        return f"{told} at the weight 0 (settings.preserve); give them one, such as settings: {{preserve: 1}}"
    able = [m.name for m in METHODS.values() if m.name != method.name and _heeds(m, backbone, plan)]
    return f"{told}; take {', '.join(able)}" if able else f"{told}, nor does any that can carry out this plan here"


def _heeds(method: Method, backbone: Backbone, plan: Plan) -> bool:
    """Whether a method can carry out a plan and by its defaults does something about preserved names."""
    if not method.preserves or obstacle(method.needs, backbone.family) is not None or _refused(plan, method):
        return False
    return _defaults(method, backbone, plan).get("preserve") != 0


def precision_of(backbone: Backbone, plan: Plan) -> str:
    """Of the denoiser's arithmetic while the plan is fitted. Raises PlanError as `configure`."""
    return str(getattr(configure(plan, backbone), "precision", "float32"))


def _defaults(method: Method, backbone: Backbone, plan: Plan) -> dict[str, Any]:
    return method.defaults(method.name, backbone) | method.defaults_of_plan(method.name, backbone, plan)


def _many(plan: Plan) -> bool:
    """Whether there are more concepts than `FEW` is taken for."""
    return sum(len(edit.edited) for edit in plan.edits) > MANY


def _refused(plan: Plan, method: Method) -> list[str]:
    """One line for each thing that the method cannot do, however many edits ask for it."""
    asking: dict[str, list[Edit]] = {}
    for edit in plan.edits:
        missing = [need for need in edit.needs if need not in method.actions]
        if missing:
            asking.setdefault(missing[0], []).append(edit)
    lines = []
    for need, edits in asking.items():
        able = [other.name for other in METHODS.values() if need in other.actions]
        what = quoted(edits[0].source) + (f" and {len(edits) - 1} more" if len(edits) > 1 else "")
        remedy = f"take {', '.join(able)}" if able else "no method here can"
        lines.append(f"{edits[0].at}: {method.name} has no way to {_WORDS.get(need, need)} ({what}); {remedy}")
    return lines


def _field(config: type[BaseModel], name: str) -> str:
    """One name for a setting that has two (``lambda`` is a word of Python's)."""
    field = config.model_fields.get(name)
    return field.alias if field is not None and field.alias else name


def _unknown(plan: Plan, method: Method) -> dict[str, str]:
    """One line for each setting that the method does not have, by its name."""
    known = [field.alias or key for key, field in method.config.model_fields.items()]
    lines = {}
    for name in plan.settings:
        if _field(method.config, name) not in known:
            hint = nearest(name, known)
            lines[name] = f"{plan.at(f'settings.{name}')}: {method.name} has no setting {name!r}; {hint}"
    return lines


def _problem(plan: Plan, error: Mapping[str, Any]) -> str:
    path = ".".join(map(str, error["loc"]))
    at = plan.at(f"settings.{path}" if path else "settings")
    reason = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = f" (not {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return f"{at}: {path + ': ' if path else ''}{reason[:1].lower() + reason[1:]}{shown}; correct it or leave it out"
