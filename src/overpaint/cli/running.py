"""What every editing command does: check, load, fit (or go on with a run), look before and after, tell."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from overpaint.cli.console import err, out, say
from overpaint.cli.options import WorkOptions
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.guards import Change
    from overpaint.plan import Plan
    from overpaint.progress import Progress
    from overpaint.provenance import Provenance
    from overpaint.runs import RunFolder

__all__ = ["carry_out", "provenance_of", "read_captions", "run", "tenth", "wanted"]

_log = logging.getLogger(__name__)

HELD = 5
"""So many sources that captions hold are named one by one."""


def run(plan: Plan, options: WorkOptions, bank: Path | None = None) -> None:
    """Carry out ``plan`` and print a table of what came of it; memories are kept in the run or in a shared ``bank``."""
    captions = None if options.captions is None else read_captions(options.captions)
    looked_at = plan.settings.get("measure") == "pictures" or any(edit.over is not None for edit in plan.edits)
    if options.grader is not None and not looked_at:
        raise OverpaintError(f"--grader {options.grader}: nothing is debiased or measured in pictures; leave it out")

    from overpaint.cli.models import open_backbone
    from overpaint.methods import check, configure, settled
    from overpaint.methods.captions import unread
    from overpaint.methods.words.widen import carried_out
    from overpaint.progress import RichProgress
    from overpaint.runs import RunFolder

    check(plan)  # before a model is loaded, which may take minutes
    backbone = open_backbone(plan.model, options.device)
    plan = settled(plan, backbone)
    if captions is not None and not plan.other_words and (reason := unread(plan.method, configure(plan, backbone))):
        say(f"--captions {options.captions}: {reason}", "yellow", err())
    if options.dry_run:
        from overpaint.cli.dry_run import dry_run

        out().print(dry_run(plan, backbone, wanted(options.evaluate, backbone), options.grader))
        return
    provenance = provenance_of(plan, backbone, captions, grader=options.grader)
    with RunFolder.create(options.out, plan, provenance, force=options.force, reuse=options.reuse or ()) as work:
        evaluate = wanted(options.evaluate, backbone)
        if work.finished:
            say(f"{work.path} {_left(work, backbone, evaluate)}", "dim", err())
        elif work.resumed:
            say(f"going on with the run in {work.path}", "dim", err())
        progress = RichProgress(err())
        patch = carry_out(
            work, backbone, plan, progress,
            captions=captions, bank=bank, ray=options.ray, evaluate=evaluate, grader=options.grader,
        )  # fmt: skip
        _tell(work, carried_out(plan, patch.provenance), patch)


def provenance_of(
    plan: Plan,
    backbone: Backbone,
    captions: list[str] | None = None,
    strength: float = 1.0,
    grader: str | None = None,
) -> Provenance:
    """What a run is made of. A run with other captions, at another strength or counted otherwise is another run.

    All that the method would refuse is refused here, so that no folder is left of a run that cannot be.

    Raises:
        PlanError: the plan does not fit the method or the model.
        OverpaintError: no captions for a model that brings none.
    """
    from overpaint.methods import configure, resolve, work_of
    from overpaint.methods.captions import captions_for, unread
    from overpaint.provenance import Provenance

    settings = resolve(plan, backbone)
    work_of(backbone, plan)
    if captions is None and (plan.other_words or unread(plan.method, configure(plan, backbone)) is None):
        captions_for(backbone, 0, None, plan.method)
    if captions is not None:
        settings["captions file"] = hashlib.sha256("\n".join(captions).encode()).hexdigest()
    if strength != 1:
        settings["strength"] = strength
    if grader is not None:
        settings["grader"] = grader
    return Provenance(plan.model, backbone.fingerprint, plan.method, settings, plan.seed)


def carry_out(
    work: RunFolder,
    backbone: Backbone,
    plan: Plan,
    progress: Progress,
    *,
    captions: list[str] | None = None,
    bank: Path | None = None,
    ray: str | None = None,
    evaluate: bool,
    strength: float = 1.0,
    grader: str | None = None,
) -> Change:
    """Do what is left of a run: fit, draw before and after, finish, write the report. Gives the patch or guard.

    Arguments:
        work: the run's folder, open for writing; what it holds already is kept.
        bank: where memories are kept; None: in the run.
        ray: address of a Ray cluster that learns; None: this process does.
        evaluate: whether pictures are drawn.
        strength: what the patch is scaled by before it is saved.
        grader: who counts what debiased concepts are drawn as, by name; None: the bundled one where it can.

    Raises:
        OverpaintError: the plan does not fit, the grader does not know its destinations, or a guard was to be scaled.
    """
    from overpaint.methods.words.widen import carried_out

    patch = _patch(work, backbone, plan, captions, progress, bank, ray, strength, grader)
    plan = carried_out(plan, patch.provenance)
    if evaluate:
        from overpaint.cli.looking import look

        look(work, backbone, patch, plan, progress)
    if not work.finished:
        work.finish(patch=patch.hash)
    _report(work, backbone, patch, plan, progress, pictures=evaluate)
    return patch


def read_captions(path: Path) -> list[str]:
    """The captions in a text file, one per line; empty lines do not count.

    Raises:
        OverpaintError: it cannot be read, or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OverpaintError(f"{path}: not UTF-8 text; save the captions as UTF-8, one per line") from error
    captions = [line.strip() for line in lines if line.strip()]
    if not captions:
        raise OverpaintError(f"{path}: no captions; write one per line")
    return captions


def _patch(
    work: RunFolder,
    backbone: Backbone,
    plan: Plan,
    captions: list[str] | None,
    progress: Progress,
    bank: Path | None,
    ray: str | None,
    strength: float,
    grader: str | None,
) -> Change:
    from overpaint.cli.cache import SharingStore, cache_folder
    from overpaint.cli.models import share_counter, validator_for
    from overpaint.guards import load_change, scaled
    from overpaint.methods import fit
    from overpaint.runs.bank import MemoryBank
    from overpaint.runs.record import BANK

    if work.finished:
        return load_change(work.patch_path)
    start = time.monotonic()
    cache = cache_folder()
    memories = work.bank if bank is None else MemoryBank(bank / BANK)
    if bank is not None:
        memories.tidy()
    store = memories if cache is None else SharingStore(memories, MemoryBank(cache))
    if ray is not None:
        from overpaint.scale import learn_on_ray

        learn_on_ray(backbone, plan, store=store, captions=captions, address=ray, progress=progress)
    counter = share_counter(backbone, plan, progress, grader=grader)
    validator = validator_for(backbone, plan, progress, grader)
    patch = fit(backbone, plan, store=store, captions=captions, progress=progress, counter=counter, validator=validator)
    _log.info("fitted in %.1f s", time.monotonic() - start)
    patch = scaled(patch, strength)
    work.save_patch(patch)
    return patch


def wanted(evaluate: bool | None, backbone: Backbone) -> bool:
    """Whether pictures are drawn; without a word from the user where it takes seconds, not hours."""
    return evaluate if evaluate is not None else backbone.family == "emoji" or backbone.device.type != "cpu"


def _report(
    work: RunFolder, backbone: Backbone, patch: Change, plan: Plan, progress: Progress, *, pictures: bool
) -> None:
    """The run as a page, with pictures if they are wanted; what is there already is kept."""
    from overpaint.cli.looking import keep_samples
    from overpaint.report.run_result import RESULT
    from overpaint.report.write import write_report
    from overpaint.runs.record import PAGE

    drawn = not pictures or (work.path / RESULT).is_file()
    if (work.path / PAGE).is_file() and drawn:
        return
    if not drawn:
        keep_samples(work, backbone, patch, plan, progress)
    write_report(work.path)


def _left(work: RunFolder, backbone: Backbone, evaluate: bool) -> str:
    """What there still is to do where the edit is finished, for people."""
    from overpaint.cli.looking import undrawn
    from overpaint.runs.record import PAGE

    if evaluate and undrawn(work, backbone):
        return "holds the finished edit; drawing the report's pictures"
    if not (work.path / PAGE).is_file():
        return "holds the finished edit; writing the report"
    return "is finished; nothing to do"


def tenth(weight: float | Mapping[str, float]) -> str:
    """A tenth of lambda as ``--set`` takes it: one number, or one for each text encoder."""
    if isinstance(weight, Mapping):
        return f"'lambda={json.dumps({name: value / 10 for name, value in weight.items()})}'"
    return f"lambda={weight / 10:g}"


def _tell(work: RunFolder, plan: Plan, patch: Change) -> None:
    from overpaint.cli.tables import summary
    from overpaint.runs.record import METRICS, PAGE

    out().print(summary(plan, work.metrics, patch.provenance.get("debias")))
    for name in patch.provenance.get("diverged", ()):
        say(f"left out: {name!r}, whose value has diverged; give it other settings", "yellow", err())
    held = sorted(patch.provenance.get("held", {}).items(), key=lambda pair: pair[1])
    for name, share in held[:HELD]:
        say(f"held: {name!r} comes {share:.2f} of the way, as captions use its token often", "yellow", err())
    if held:
        more = f" ({len(held) - HELD} more)" if len(held) > HELD else ""
        lower = tenth(patch.provenance["settings"]["lambda"])
        say(f"held{more}: --set {lower} lets them go further, and the rest as well", "yellow", err())
    say(f"patch    {work.patch_path}")
    if work.picture_path.is_file():
        say(f"picture  {work.picture_path}")
    if work.metrics is not None:
        say(f"figures  {work.path / METRICS}")
    say(f"report   {work.path / PAGE}")
