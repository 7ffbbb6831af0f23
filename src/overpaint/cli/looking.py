"""The look that a run ends with: the model before and after, graded where there is a grader for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.edits import EditSuite
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.bench.probes import Probe
    from overpaint.emoji.vocabulary import Vocabulary
    from overpaint.guards import Change
    from overpaint.plan import Plan
    from overpaint.progress import Progress
    from overpaint.runs import RunFolder

__all__ = ["keep_samples", "look", "looked", "undrawn"]


def look(work: RunFolder, backbone: Backbone, patch: Change, plan: Plan, progress: Progress) -> None:
    """Draw the picture of before and after, and grade the edits; what is there already is kept."""
    from overpaint.bench.before_after import before_after, shown
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.edits import evaluate_before, evaluate_edits

    grader, vocabulary, suite = _means(backbone, plan)
    holdouts = _holdouts(plan, vocabulary)
    if not work.picture_path.is_file():
        columns = shown(plan, backbone, vocabulary, next(iter(holdouts), None))
        work.save_picture(before_after(backbone, patch, columns, Drawing(), progress))
    if grader is not None and work.metrics is None:
        before = evaluate_before(backbone, grader, plan.edits, holdouts, suite, progress)
        report = evaluate_edits(backbone, patch, grader, before, progress, total=len(plan.edits))
        work.save_metrics(report.to_data())


def keep_samples(work: RunFolder, backbone: Backbone, patch: Change, plan: Plan, progress: Progress) -> None:
    """Draw the pictures of the run's report, without and with the patch."""
    from overpaint.report.run_result import RESULT, run_result
    from overpaint.report.samples import draw, probes

    grader, vocabulary, suite = _means(backbone, plan)
    metrics = work.metrics or {"details": {}}
    asked = probes(plan, suite, backbone, vocabulary, metrics["details"].get("hold-outs"))
    items = draw(asked, backbone, patch, suite, work.path / "images", grader, progress)
    run_result(work, items, None if grader is None else grader.judge).write(work.path / RESULT)


def undrawn(work: RunFolder, backbone: Backbone) -> bool:
    """Whether `look` or `keep_samples` have anything left to do."""
    from overpaint.cli.models import grader_for
    from overpaint.report.run_result import RESULT

    if not work.picture_path.is_file() or not (work.path / RESULT).is_file():
        return True
    return work.metrics is None and grader_for(backbone) is not None


def looked(plan: Plan, backbone: Backbone) -> int:
    """Pictures that `look` and `keep_samples` draw."""
    from overpaint.bench.before_after import shown
    from overpaint.report.samples import probes

    grader, vocabulary, suite = _means(backbone, plan)
    holdouts = _holdouts(plan, vocabulary)
    columns = shown(plan, backbone, vocabulary, next(iter(holdouts), None))
    nothing: dict[str, float | None] = {"before": None, "after": None}
    kept = probes(plan, suite, backbone, vocabulary, dict.fromkeys(holdouts, nothing))
    graded: list[Probe] = []
    if grader is not None:
        edits = suite.drawn(plan.edits)
        graded = 2 * suite.probes(edits, holdouts) + suite.ceilings(edits)
    return 2 * len(columns) + 2 * len(kept) + len(graded)


def _means(backbone: Backbone, plan: Plan) -> tuple[ConceptGrader | None, Vocabulary | None, EditSuite]:
    """Who grades, the names that it knows, and what is asked; only the bundled model has a grader."""
    from overpaint.bench.summary import short_suite
    from overpaint.cli.models import grader_for

    grader = grader_for(backbone)
    return grader, None if grader is None else grader.vocabulary, short_suite(plan)


def _holdouts(plan: Plan, vocabulary: Vocabulary | None) -> tuple[str, ...]:
    """Some concepts that the model knows and no edit mentions; none but in the bundled vocabulary."""
    from overpaint.bench.summary import some_holdouts
    from overpaint.emoji.scores import SCORES_FILE, read_scores

    if vocabulary is None:
        return ()
    return some_holdouts(vocabulary, plan, read_scores() if SCORES_FILE.is_file() else None)
