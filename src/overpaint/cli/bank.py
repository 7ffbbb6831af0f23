"""``overpaint bank add | withdraw | replace | list | merge | fit``: edits that stay in force beyond one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.console import out, plain, say, table
from overpaint.cli.edit import overridden
from overpaint.cli.options import DryRun, WorkOptions, takes

if TYPE_CHECKING:
    from overpaint.plan import Plan
    from overpaint.runs import Bank

__all__ = ["app"]

app = typer.Typer(
    help="Keep edits and their memories beyond one run: add and withdraw at any time, on several machines.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="BANK", help="The bank's folder.")]
File = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan: .yaml, .yml, .json, or a .csv table.")]


@app.command("add")
def add(
    bank: Folder,
    plan: File,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Of a new bank. [the plan's or emoji]")] = None,
    method: Annotated[str | None, typer.Option("--method", help="Of a new bank. [the plan's or emcid]")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of a new bank; repeat for more.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", "-s", min=0, help="Of a new bank. [the plan's or 0]")] = None,
    dry_run: DryRun = False,
) -> None:
    """Ask for the edits of a plan as well; makes the bank if there is none."""
    from overpaint.plan import Plan

    said = Plan.read(plan)
    whole = overridden(said, model, method, seed, settings or ())
    given = {"model": model, "method": method, "settings": settings, "seed": seed}
    wanted = said.model_copy(update={name: getattr(whole, name) for name, value in given.items() if value is not None})
    kept = _bank(bank, whole, dry_run)
    if dry_run:
        new = kept.lacking(wanted)
        _would(kept, "edits to add", len(new), len(kept.edits) + len(new), kept.size(new, wanted.preserve))
        return
    new = kept.add(wanted)
    _tell(kept, f"{len(new)} added")


@app.command("withdraw")
def withdraw(
    bank: Folder,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Sources of edits, or preserved concepts.")],
    dry_run: DryRun = False,
) -> None:
    """Ask for some edits no longer: the next patch is as if they had never been there."""
    from overpaint.runs import Bank

    kept = Bank.open(bank)
    if dry_run:
        standing, released = kept.standing(*names)
        more = {"concepts to preserve no longer": f"{len(released):,}"}
        _would(kept, "edits to withdraw", len(standing), len(kept.edits) - len(standing), 0, more)
        return
    gone = kept.withdraw(*names)
    _tell(kept, f"{len(gone)} withdrawn")


@app.command("replace")
def replace(bank: Folder, plan: File, dry_run: DryRun = False) -> None:
    """Put a plan's edits in the place of those of the same concepts."""
    from overpaint.methods import check
    from overpaint.plan import Plan
    from overpaint.runs import Bank

    kept = Bank.open(bank)
    wanted = Plan.read(plan)
    check(wanted.model_copy(update=kept.terms))
    if dry_run:
        kept.check_replacement(wanted)
        _would(kept, "edits to replace", len(wanted.edits), len(kept.edits), kept.size(wanted.edits))
        return
    kept.replace(wanted)
    _tell(kept, f"{len(wanted.edits)} replaced")


@app.command("list")
def show(bank: Folder) -> None:
    """Say what is in force, and what has been learned already."""
    from overpaint.plan.words import asked
    from overpaint.runs import Bank

    kept = Bank.open(bank)
    terms = kept.terms
    made = table(f"{bank}: {terms['model']} by {terms['method']}, seed {terms['seed']}", "in force", "memories")
    learned = [meta.get("source") for _, meta in kept.memories.records()]
    for edit in kept.edits:
        made.add_row(plain(asked(edit)), plain(sum(learned.count(name) for name in edit.edited)))
    for name in kept.preserved:
        made.add_row(plain(f"preserve {name}"), plain("-"))
    out().print(made)


@app.command("merge")
def merge(
    bank: Folder,
    others: Annotated[list[Path], typer.Argument(metavar="OTHER...", help="Banks or runs, from other machines say.")],
    dry_run: DryRun = False,
) -> None:
    """Take over what other banks or runs ask for and have learned."""
    from overpaint.runs import Bank

    kept = Bank.open(bank)
    if dry_run:
        new, preserved, files = kept.mergeable(*others)
        disk = kept.size(new, preserved) + sum(file.stat().st_size for file in files)
        more = {"memories to take over": f"{len(files):,}"}
        _would(kept, "edits to take over", len(new), len(kept.edits) + len(new), disk, more)
        return
    for other in others:
        edits, memories = kept.merge(other)
        say(f"{other}: {edits} edits and {memories} memories are new")
    _tell(kept, f"{len(others)} merged")


@app.command("fit")
@takes(WorkOptions)
def fit(bank: Folder, *, options: WorkOptions) -> None:
    """Learn what is missing, and derive the patch of all that is in force; several processes may do so at once."""
    from overpaint.cli.running import run
    from overpaint.runs import Bank

    run(Bank.open(bank).plan, options, bank)


def _bank(path: Path, plan: Plan, dry_run: bool) -> Bank:
    """The bank in ``path``, made on the plan's terms if there is none; in a dry run it is not written.

    Raises:
        PlanError: its method cannot make the plan's edits, or has no such settings; before anything is written.
    """
    from overpaint.methods import AUTO, FEW, METHODS, check
    from overpaint.runs import Bank
    from overpaint.runs.standing import NAME

    if (path / NAME).exists():
        bank = Bank.open(path)
        check(plan.model_copy(update=bank.terms))
        return bank
    if plan.method == AUTO:  # a bank grows: its method cannot depend on how many there are
        plan = plan.model_copy(update={"method": FEW})
    check(plan)
    alone = {"batch": 1} if "batch" in METHODS[plan.method].config.model_fields else {}
    on = plan.model_copy(update={"settings": {**alone, **plan.settings}})
    if not dry_run:
        return Bank.create(path, on)
    bank = Bank.on_terms_of(path, on)
    bank.check_free()
    return bank


def _would(bank: Bank, what: str, edits: int, in_force: int, disk: int, more: Mapping[str, str] | None = None) -> None:
    """Print what a dry run found; weights change in ``bank fit`` alone."""
    from overpaint.cli.dry_run import costs
    from overpaint.methods.work import Work

    said = {what: f"{edits:,}", **(more or {}), "edits in force then": f"{in_force:,}"}
    out().print(costs(str(bank.path), Work(disk=disk), more=said))


def _tell(bank: Bank, what: str) -> None:
    say(f"{what}, {len(bank.edits)} in force; overpaint bank fit {bank.path} --out RUN makes the patch")
