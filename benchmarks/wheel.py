"""Is a wheel fit to be published: small, whole, and able to edit in an empty environment?

    python benchmarks/wheel.py --check dist/overpaint-0.1.0-py3-none-any.whl
    python benchmarks/wheel.py --install dist/overpaint-0.1.0-py3-none-any.whl     # makes an environment; minutes

``PIP_FLAGS`` is handed to pip, for an index of CPU builds of torch.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MOST_BYTES = 100_000_000
NEEDED = (
    "overpaint/emoji/model/model_index.json",
    "overpaint/emoji/model/unet/diffusion_pytorch_model.safetensors",
    "overpaint/emoji/grader.safetensors",
    "overpaint/report/templates/page.html.j2",
    "overpaint/studio/templates/studio.css",
)
EDIT = ("replace", "dog", "robot", "--method", "emcid-copy", "--out", "run")


def problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel's size or content."""
    size = wheel.stat().st_size
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    found = [f"{size:,} bytes, more than {MOST_BYTES:,}"] if size > MOST_BYTES else []
    return found + [f"{name} is missing" for name in NEEDED if name not in names]


def try_out(wheel: Path) -> None:
    """Install a wheel into an empty environment and edit with it, outside of any checkout."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "empty"], cwd=folder, check=True)
        programs = Path(folder, "empty", "Scripts" if os.name == "nt" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "install", *shlex.split(os.environ.get("PIP_FLAGS", ""))]
        subprocess.run([*pip, str(wheel.resolve())], cwd=folder, check=True)
        subprocess.run([programs / "overpaint", *EDIT], cwd=folder, check=True)
        for name in ("patch.safetensors", "before_after.png", "report.html"):
            if not Path(folder, "run", name).is_file():
                sys.exit(f"the edit left no {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--check", action="store_true", help="look at size and content")
    parser.add_argument("--install", action="store_true", help="install it into an empty environment and edit")
    options = parser.parse_args()
    if options.check and (found := problems(options.wheel)):
        sys.exit("\n".join(found))
    if options.install:
        try_out(options.wheel)
    print(f"{options.wheel}: {options.wheel.stat().st_size / 1e6:.1f} MB, in order")


if __name__ == "__main__":
    main()
