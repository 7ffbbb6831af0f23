"""The packages that the emoji world is made of: pinned versions, licences, attribution, and how to fetch them."""

import logging
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ICON_SETS", "KEYWORD_LISTS", "PACKAGES", "Package", "fetch"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """An npm package at a pinned version, with what its licence asks us to state."""

    name: str
    version: str
    title: str
    author: str
    licence: str
    url: str

    @property
    def folder(self) -> str:
        """Name of the unpacked folder and stem of the tarball, as `npm pack` names it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"

    @property
    def attribution(self) -> str:
        """One line for the model card."""
        return f"{self.title} by {self.author}, {self.licence}, {self.url}"


ICON_SETS: tuple[Package, ...] = (
    Package(
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "Fluent Emoji",
        "Microsoft Corporation",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "Fluent Emoji Flat",
        "Microsoft Corporation",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
    ),
    Package(
        "@iconify-json/noto",
        "1.2.9",
        "Noto Emoji",
        "Google Inc",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
    ),
    Package(
        "@iconify-json/noto-v1",
        "1.2.5",
        "Noto Emoji (v1)",
        "Google Inc",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
    ),
    Package(
        "@iconify-json/twemoji",
        "1.2.5",
        "Twitter Emoji",
        "Twitter",
        "CC-BY-4.0",
        "https://github.com/jdecked/twemoji",
    ),
    Package(
        "@iconify-json/emojione",
        "1.2.3",
        "Emoji One (Colored)",
        "Emoji One",
        "CC-BY-4.0",
        "https://github.com/EmojiTwo/emojitwo",
    ),
)
"""In the order of `palette.STYLES`."""

KEYWORD_LISTS: tuple[Package, ...] = (
    Package("emojilib", "4.0.3", "emojilib", "Mu-An Chiou", "MIT", "https://github.com/muan/emojilib"),
    Package("emojibase-data", "17.0.0", "Emojibase", "Miles Johnson", "MIT", "https://github.com/milesj/emojibase"),
)

PACKAGES: tuple[Package, ...] = ICON_SETS + KEYWORD_LISTS


def fetch(work: Path, packages: Iterable[Package] = PACKAGES) -> Path:
    """Make sure that every package lies unpacked under `work/npm/<package.folder>` and return `work/npm`.

    A tarball or folder that is there already is kept; both appear by a rename, so a killed run leaves no half of one.
    """
    npm = work / "npm"
    npm.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if (npm / package.folder).is_dir():
            continue
        tarball = npm / f"{package.folder}.tgz"
        with tempfile.TemporaryDirectory(dir=npm, prefix=".fetch-") as temporary:
            if not tarball.exists():
                _pack(package, Path(temporary)).replace(tarball)
            _unpack(tarball, Path(temporary) / "unpacked").rename(npm / package.folder)
    return npm


def _pack(package: Package, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(f"{package.name} has to be fetched with npm, which is not installed (it comes with Node.js)")
    logger.info("fetching %s %s", package.name, package.version)
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), f"{package.name}@{package.version}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / f"{package.folder}.tgz"


def _unpack(tarball: Path, folder: Path) -> Path:
    """Unpack and return the one folder inside (npm calls it `package`)."""
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    (inner,) = folder.iterdir()
    return inner
