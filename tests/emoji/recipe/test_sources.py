import tarfile
from pathlib import Path

import pytest

from overpaint.emoji.palette import STYLES
from overpaint.emoji.recipe.sources import ICON_SETS, PACKAGES, Package, fetch

TOY = Package("@toys/toy", "1.0.0", "Toy", "Nobody", "MIT", "https://example.org")


def pack(folder: Path, text: str) -> None:
    source = folder / "icons.json"
    source.write_text(text)
    with tarfile.open(folder / "toys-toy-1.0.0.tgz", "w:gz") as archive:
        archive.add(source, "package/icons.json")
    source.unlink()


def test_fetch_unpacks_what_is_there_once_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "npm").mkdir()
    pack(tmp_path / "npm", "first")
    npm = fetch(tmp_path, [TOY])
    pack(npm, "second")
    fetch(tmp_path, [TOY])
    assert (npm / TOY.folder / "icons.json").read_text() == "first"
    assert sorted(path.name for path in npm.iterdir()) == ["toys-toy-1.0.0", "toys-toy-1.0.0.tgz"]


def test_without_npm_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"Node\.js"):
        fetch(tmp_path, [TOY])


def test_every_package_is_pinned_and_attributed_and_sets_match_styles() -> None:
    assert [package.name for package in ICON_SETS] == [style.package for style in STYLES]
    for package in PACKAGES:
        assert package.version.count(".") == 2
        assert package.licence in {"MIT", "Apache-2.0", "CC-BY-4.0"}
        assert package.licence in package.attribution
