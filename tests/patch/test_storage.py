from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from overpaint.errors import PatchError
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch, container
from overpaint.patch.fingerprint import fingerprint

NAMES = ("unet.a.weight", "text_encoder.b.weight", "vae.c.bias")


@pytest.fixture
def patch() -> Patch:
    torch.manual_seed(0)
    deltas: dict[str, Delta] = {
        NAMES[0]: LowRank(torch.randn(4, 2), torch.randn(2, 6)),
        NAMES[1]: LowRank(torch.randn(5, 1), torch.randn(1, 5)),
        NAMES[2]: Dense(torch.randn(7)),
    }
    base = {name: fingerprint(torch.randn(3)) for name in NAMES}
    return Patch(deltas, base, {"model": "émoji", "seed": 3, "plan": {"b": [1, None], "a": Path("x.yaml")}})


def test_what_is_saved_comes_back(patch: Patch, tmp_path: Path) -> None:
    path = patch.save(tmp_path / "new" / "patch.safetensors")
    again = Patch.load(path)
    assert again.hash == patch.hash
    assert dict(again.base) == dict(patch.base)
    assert again.provenance == patch.provenance
    assert again.provenance["plan"]["a"] == "x.yaml"
    assert all(type(again.deltas[name]) is type(patch.deltas[name]) for name in NAMES)


def test_the_same_patch_gives_the_same_file(patch: Patch, tmp_path: Path) -> None:
    shuffled = Patch(dict(reversed(list(patch.deltas.items()))), patch.base, dict(reversed(patch.provenance.items())))
    first = patch.save(tmp_path / "a").read_bytes()
    assert shuffled.save(tmp_path / "b").read_bytes() == first
    assert Patch.load(tmp_path / "a").save(tmp_path / "c").read_bytes() == first


def test_a_patch_may_replace_the_file_it_came_from(patch: Patch, tmp_path: Path) -> None:
    path = patch.save(tmp_path / "patch.safetensors")
    loaded = Patch.load(path)
    loaded.scale(2).save(path)
    assert loaded.hash == patch.hash
    assert Patch.load(path).hash == patch.scale(2).hash


def test_empty_patch(tmp_path: Path) -> None:
    assert Patch.load(Patch({}, {}).save(tmp_path / "empty")).deltas == {}


def written(path: Path, tensors: dict[str, Any], document: Any, key: str = "overpaint") -> Path:
    text = container.described(tensors, document) if isinstance(document, dict) else json.dumps(document)
    save_file(tensors, path, {key: document if isinstance(document, str) else text})
    return path


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def test_damaged_and_foreign_files_are_refused_in_one_line(patch: Patch, tmp_path: Path) -> None:
    whole = patch.save(tmp_path / "whole").read_bytes()
    one = {"x.value": torch.zeros(2)}
    good = {"version": 1, "base": {"x": "f"}, "provenance": {}}
    nan = {"x.value": torch.full((2,), float("inf"))}
    cases: dict[Path, str] = {
        tmp_path / "missing": "no such file",
        tmp_path: "no such file",
        written(tmp_path / "foreign", one, good, key="format"): "no patch of Overpaint",
        written(tmp_path / "newer", one, {**good, "version": 2}): "format version 2.*reads 1; update",
        written(tmp_path / "unversioned", one, {}): "format version None",
        written(tmp_path / "list", one, []): "format version None",
        written(tmp_path / "long", one, {"version": "x" * 5000}): r"format version 'x{39}, this",
        written(tmp_path / "deep", one, {**good, "provenance": {"plan": nested(300)}}): "no JSON",
        written(tmp_path / "bottomless", one, '{"version": 1, "base": ' + "[" * 9000 + "]" * 9000 + "}"): "no JSON",
        written(tmp_path / "letters", one, {**good, "provenance": {"model": "\ud800"}}): "no JSON",
        written(tmp_path / "garbled", one, "{"): "no JSON",
        written(tmp_path / "baseless", one, {"version": 1, "provenance": {}}): "base or provenance missing",
        written(tmp_path / "numbers", one, {**good, "base": {"x": 1}}): "no text",
        written(tmp_path / "extra", {**one, "y": torch.zeros(2)}, good): "y belongs to no parameter",
        written(tmp_path / "absent", {}, good): "change of x is not whole",
        written(tmp_path / "half", {"x.up": torch.zeros(2, 2)}, good): "change of x is not whole",
        written(tmp_path / "mixed", {"x.up": torch.zeros(2, 2), **one}, good): "change of x is not whole",
        written(tmp_path / "torn", {"x.up": torch.zeros(2, 2), "x.down": torch.zeros(3, 2)}, good): "no product",
        written(tmp_path / "typed", {"x.value": torch.zeros(2).half()}, good): "not in float32",
        written(tmp_path / "infinite", nan, good): "not finite",
        written(tmp_path / "mapless", one, {**good, "maps": {"x": "map.0"}}): "change of map.0 is not whole",
        written(tmp_path / "oblong", {"map.0.value": torch.zeros(2, 3)}, {**good, "maps": {"x": "map.0"}}): "square",
        written(tmp_path / "stray", one, {**good, "maps": {"y": "map.0"}}): "a map belongs to no parameter",
        written(tmp_path / "lines", {"a\nb.value": torch.zeros(2)}, good): "name of a tensor is no plain text",
        written(tmp_path / "named", {}, {**good, "base": {"a\nb": "f"}}): "name of a parameter is no plain text",
        written(tmp_path / "sum", one, {**good, "provenance": {"sum": 3}}): "how it was made cannot be read",
        written(tmp_path / "parts", one, {**good, "provenance": {"sum": [{"sum": [1]}]}}): "cannot be read",
        written(tmp_path / "scale", one, {**good, "provenance": {"scale": "x"}}): "cannot be read",
        written(tmp_path / "vast", one, {**good, "provenance": {"scale": 10**400}}): "cannot be read",
    }
    torch.save(one, tmp_path / "pickle")
    torch.save(one, tmp_path / "old pickle", _use_new_zipfile_serialization=False)
    for protocol in range(2, 6):
        (tmp_path / f"pickle {protocol}").write_bytes(pickle.dumps({"x": 1}, protocol))
    cases |= dict.fromkeys(tmp_path.glob("*pickle*"), "is a pickle.*convert it")
    for i, content in enumerate([b"", b"junk", whole[: len(whole) // 2], struct.pack("<Q", 2**60) + whole[8:]]):
        (tmp_path / f"bytes{i}").write_bytes(content)
        cases[tmp_path / f"bytes{i}"] = "damaged or no safetensors file"
    (tmp_path / "header").write_bytes(whole.replace(b"__metadata__", b"__metadatb__"))
    cases[tmp_path / "header"] = "damaged or no safetensors file"
    for path, expected in cases.items():
        with pytest.raises(PatchError, match=expected) as caught:
            Patch.load(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < len(str(path)) + 300


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580])
def test_a_whole_file_that_begins_like_a_pickle_is_read(patch: Patch, tmp_path: Path, length: int) -> None:
    """The first bytes are the length of the header, whatever that is."""
    small = Patch({NAMES[2]: patch.deltas[NAMES[2]]}, {NAMES[2]: patch.base[NAMES[2]]}, {"pad": ""})
    (before,) = struct.unpack("<Q", small.save(tmp_path / "patch").read_bytes()[:8])
    small.provenance["pad"] = "x" * (length - before)
    assert small.save(tmp_path / "patch").read_bytes()[:2] == bytes((0x80, length >> 8))
    assert Patch.load(tmp_path / "patch").hash == small.hash


def test_a_shared_map_is_stored_once(tmp_path: Path) -> None:
    names = [f"unet.{i}.weight" for i in range(20)]
    base = {name: fingerprint(torch.randn(3)) for name in names}
    up, down = torch.randn(64, 3), torch.randn(3, 64)
    deltas: dict[str, Delta] = {name: Mapped(LowRank(up, down)) for name in names}
    deltas[names[1]] = Mapped(LowRank(up, down), LowRank(torch.randn(5, 1), torch.randn(1, 64)))
    deltas[names[2]] = Mapped(LowRank(2 * up, down))
    deltas[names[3]] = Dense(torch.randn(5, 64))
    patch = Patch(deltas, base)
    for one in (patch, patch.scale(0.3), patch + patch.scale(2)):
        again = Patch.load(one.save(tmp_path / "patch"))
        assert again.hash == one.hash
        assert sum(name.startswith("map.") for name in one.tensors()) == 4
        weights = torch.randn(5, 64)
        for name in names:
            assert torch.equal(again.deltas[name].of(weights), one.deltas[name].of(weights))
    assert patch.size == 4 * (4 * 64 * 3 + 5 + 64 + 5 * 64)


def test_which_parameter_has_which_map_is_part_of_the_hash() -> None:
    maps = [Mapped(LowRank(torch.full((2, 1), float(i + 1)), torch.ones(1, 2))) for i in range(2)]
    base = dict.fromkeys("abc", "f")

    def of(*which: int) -> str:
        return Patch({name: maps[i] for name, i in zip("abc", which, strict=True)}, base).hash

    assert of(0, 0, 1) != of(0, 1, 1)
    assert of(0, 0, 1) == of(0, 0, 1)
