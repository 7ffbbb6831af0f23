"""Patches of a suite's plans, kept under a hash of everything that they are made of; damaged ones are made again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.bench.clock import ClockedStore, noted_seconds
from overpaint.errors import PatchError
from overpaint.files import replacing, write_json_atomic
from overpaint.hashing import loose_digest
from overpaint.methods import Counter, fit, resolve
from overpaint.plan import Plan
from overpaint.progress import Progress
from overpaint.runs.bank import MemoryBank

if TYPE_CHECKING:
    from overpaint.guards import Change

__all__ = ["Counters", "Fits"]

_log = logging.getLogger(__name__)

Counters = Callable[[Backbone, Plan], Counter | None]
"""Who counts what a plan's debiased concepts are drawn as; None where there is nothing to count."""


class Fits:
    """A folder of patches and the memories that they were made of; a killed fit goes on from its memories."""

    def __init__(
        self,
        folder: str | Path,
        captions: Sequence[str] | None = None,
        progress: Progress | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.counters = counters
        self.folder = Path(folder)
        self.captions = captions
        self.progress = progress

    def fit(self, pipe: Any, plan: Plan) -> tuple[Change, float]:
        """The plan carried out on the pipeline as it is now, other patches included, and the seconds that it took.

        The seconds of a fit that was killed on the way count up to the last memory that it kept.

        Raises:
            PlanError: the plan does not fit the method or the model.
        """
        backbone = backbone_of(pipe)  # anew: a backbone remembers the fingerprint of what it first saw
        counter = None if self.counters is None else self.counters(backbone, plan)
        path = self.folder / f"{self._key(backbone, plan, counter)}.safetensors"
        noted = path.with_suffix(".json")
        if (known := _known(path, noted)) is not None:
            return known
        begun = path.with_suffix(".begun.json")
        store = ClockedStore(MemoryBank(self.folder / "bank"), begun)
        change = fit(backbone, plan, store=store, captions=self.captions, progress=self.progress, counter=counter)
        seconds = store.seconds
        with replacing(path) as temporary:
            change.save(temporary)
        write_json_atomic(noted, {"seconds": round(seconds, 3)})
        begun.unlink(missing_ok=True)
        return change, seconds

    def _key(self, backbone: Backbone, plan: Plan, counter: Counter | None) -> str:
        from overpaint.provenance import versions

        captions = None if self.captions is None else hashlib.sha256("\n".join(self.captions).encode()).hexdigest()
        content = [backbone.fingerprint, plan.fingerprint(), resolve(plan, backbone), captions, versions()]
        content += [] if counter is None else [counter.key]
        return loose_digest(content)[:32]


def _known(path: Path, noted: Path) -> tuple[Change, float] | None:
    """The change in a file and the seconds noted beside it; None if there are not both, or one is damaged."""
    from overpaint.guards import load_change

    if not (path.is_file() and noted.is_file()):
        return None
    try:
        return load_change(path), noted_seconds(noted)
    except (PatchError, OSError, ValueError) as error:
        _log.warning("%s or its note is damaged (%.200s) and will be made again", path, error)
        return None
