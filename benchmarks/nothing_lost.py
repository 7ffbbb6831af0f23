"""Nothing that was done is lost: runs are killed, share a bank, meet a full disk, and all end in the same patch.

On a random model of a few channels, EMCID with noise values:

* kills: a run in a process of its own gets SIGKILL; the same request goes on with what is in the folder. The moment is
  drawn by progress, whatever else the machine does: so many memories on disk, uniform from none to all, and then a
  uniform part of the time that a batch takes. A run that had ended by then is no kill, another moment is drawn.
  Counted: resumes that end with the hash of the unbroken run.
* company: several processes share one bank folder, one of them is killed; how many concepts were learned by more than
  one, and whether all that ended have the hash of a single process.
* full disk: a run on a tmpfs of half the size it takes; the message, the memories that were there then and are
  untouched after the disk has grown and the run has gone on. Needs the right to mount.
* read-only: the message when a run is asked for on that disk, mounted read-only.

    python -m benchmarks.nothing_lost --kills 50 --concepts 200 --out nothing_lost.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.models import tiny_sd

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.cli.errors import explained
from overpaint.files import TEMPORARY, write_json_atomic
from overpaint.methods import fit, resolve
from overpaint.methods.emcid import learn
from overpaint.plan import Plan
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder
from overpaint.runs.bank import MemoryBank

CAPTIONS = ["photo of a dog", "a cat in a kitchen", "pizza", "hens", "a photo of the kitchen", "dog and cat"]
SETTINGS = {"blocks": [0, 1], "lambda": 0.01, "steps": 1, "image_steps": 1, "image_guidance": 1.0, "draws": 1}
DRAWS = 4
"""Moments drawn for each kill, at most."""
FORK = multiprocessing.get_context("fork")  # a killed child costs no second import of torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--concepts", type=int, default=200)
    parser.add_argument("--batch", type=int, default=25, help="concepts that are learned together")
    parser.add_argument("--company", type=int, default=3, help="processes that share a bank")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("nothing_lost.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)  # before any work: a forked child has none of its parent's threads
    backbone = StableDiffusion(tiny_sd(window=20, layers=2, width=16, heads=2))
    batched, alone = plan_of(options.concepts, options.batch), plan_of(options.concepts, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        in_a_child(lambda: run(backbone, batched, folder / "unbroken")).join()
        length = time.monotonic() - start
        wanted = patch_hash(folder / "unbroken")
        found: dict[str, Any] = {"concepts": options.concepts, "seconds of an unbroken run": length}
        moments = Moments(options.concepts, length * options.batch / options.concepts, random.Random(options.seed))
        found["kills"] = killed(backbone, batched, folder, options.kills, moments, wanted)
        found["company"] = company(backbone, alone, folder, options.company, length)
        found["disk"] = disk(backbone, batched, folder, wanted)
    write_json_atomic(options.out, found)
    print(json.dumps({**found, "kills": summary(found["kills"], options.concepts)}, indent=2))


def plan_of(concepts: int, batch: int) -> Plan:
    names = ["cat", "kitchen", "photo", "dog"]
    edits = [{"replace": f"x{i}", "with": names[i % 4], "prompts": ["photo of {}"]} for i in range(concepts)]
    return Plan.parse({"method": "emcid", "settings": {**SETTINGS, "batch": batch}, "edits": edits})


def run(backbone: StableDiffusion, plan: Plan, folder: Path, bank: Path | None = None) -> None:
    """What the command line does for an edit, without pictures."""
    provenance = Provenance(plan.model, backbone.fingerprint, plan.method, resolve(plan, backbone), plan.seed)
    with RunFolder.create(folder, plan, provenance) as work:
        if not work.finished:
            store = work.bank if bank is None else MemoryBank(bank)
            patch = fit(backbone, plan, store=store, captions=CAPTIONS)
            work.save_patch(patch)
            work.finish(patch=patch.hash)


@dataclass
class Moments:
    """When to kill: at so many memories of ``concepts``, and a part of the ``pause`` (s) between batches later."""

    concepts: int
    pause: float
    source: random.Random

    def wait(self, child: Any, path: Path) -> None:
        """Until the next moment, or until there is nobody left to be killed."""
        memories = self.source.randrange(self.concepts + 1)
        while child.is_alive() and stored(path) < memories:
            time.sleep(self.pause / 100)
        child.join(self.source.uniform(0, self.pause))


def killed(
    backbone: StableDiffusion, plan: Plan, folder: Path, count: int, moments: Moments, wanted: str | None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for draw in range(DRAWS * count):
        path = folder / f"killed-{draw}"
        child = in_a_child(partial(run, backbone, plan, path))
        moments.wait(child, path)
        child.kill()
        child.join()
        if child.exitcode == -signal.SIGKILL:
            done = stored(path)
            in_a_child(partial(run, backbone, plan, path)).join()
            rows.append({"memories": done, "equal": wanted is not None and patch_hash(path) == wanted})
            print(f"kill {len(rows)}: {done} memories were there, equal: {rows[-1]['equal']}", flush=True)
        shutil.rmtree(path, ignore_errors=True)
        if len(rows) == count:
            break
    return rows


def stored(run: Path) -> int:
    return sum(not path.name.startswith(TEMPORARY) for path in (run / "bank").glob("*.safetensors"))


def summary(rows: list[dict[str, Any]], concepts: int) -> dict[str, int]:
    memories = [row["memories"] for row in rows]
    return {
        "kills": len(rows),
        "resumes with the hash of the unbroken run": sum(row["equal"] for row in rows),
        "killed before the first memory": memories.count(0),
        "killed with some memories": sum(0 < n < concepts for n in memories),
        "killed with all memories": sum(n >= concepts for n in memories),  # and with second moments, later
    }


def company(backbone: StableDiffusion, plan: Plan, folder: Path, count: int, length: float) -> dict[str, Any]:
    original, learned = learn.stage_one, folder / "learned"

    def told(backbone: Any, concepts: Any, *rest: Any) -> Any:
        made = original(backbone, concepts, *rest)
        with learned.open("a") as file:  # one short line at a time is written whole
            file.write("".join(f"{concept.source}\n" for concept in concepts))
        return made

    in_a_child(lambda: run(backbone, plan, folder / "single")).join()
    learn.stage_one = told
    try:
        paths = [folder / f"company-{i}" for i in range(count)]
        children = [in_a_child(partial(run, backbone, plan, path, folder / "shared")) for path in paths]
        children[0].join(length / 2)
        children[0].kill()
        for child in children:
            child.join()
    finally:
        learn.stage_one = original
    names = learned.read_text().split()
    return {
        "processes": count,
        "killed": 1,
        "concepts": len(plan.edits),
        "learned": len(names),
        "learned twice or more": len(names) - len(set(names)),
        "equal": [patch_hash(path) == patch_hash(folder / "single") for path in paths[1:]],
    }


def disk(backbone: StableDiffusion, plan: Plan, folder: Path, wanted: str | None) -> dict[str, Any] | str:
    taken = sum(path.stat().st_blocks * 512 for path in (folder / "unbroken").rglob("*") if path.is_file())
    mount = folder / "disk"
    mount.mkdir()
    try:
        with mounted(mount, taken // 2):
            message = refused(lambda: run(backbone, plan, mount / "run"))
            before = {path.name: path.stat().st_mtime_ns for path in (mount / "run" / "bank").glob("*.safetensors")}
            remount(mount, "ro")
            readonly = refused(lambda: run(backbone, plan, mount / "run"))
            remount(mount, f"rw,size={4 * taken}")
            in_a_child(lambda: run(backbone, plan, mount / "run")).join()
            bank = mount / "run" / "bank"
            kept = sum((bank / name).stat().st_mtime_ns == then for name, then in before.items())
            return {
                "full": message,
                "read-only": readonly,
                "memories when it was full": len(before),
                "of them untouched afterwards": kept,
                "equal": patch_hash(mount / "run") == wanted,
            }
    except subprocess.CalledProcessError as error:
        return f"not measured: {error.cmd[0]} failed with {error.stderr.strip()}"


@contextmanager
def mounted(path: Path, size: int) -> Iterator[None]:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True, capture_output=True, text=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True, capture_output=True, text=True)


def refused(work: Callable[[], None]) -> str:
    """What a person is told; a traceback would be said as such."""
    try:
        work()
    except Exception as error:
        return "\n".join(explained(error) or [f"TRACEBACK of {error!r}"])
    return "no error"


def in_a_child(work: Callable[[], None]) -> Any:
    child = FORK.Process(target=work)
    child.start()
    return child


def patch_hash(folder: Path) -> str | None:
    return RunFolder.open(folder).record["results"].get("patch") if (folder / "run.json").exists() else None


if __name__ == "__main__":
    main()
