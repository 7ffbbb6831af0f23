from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from overpaint.backbone.parameters import resolve
from overpaint.patch import LowRank, Patch, container
from overpaint.patch.fingerprint import fingerprint
from tests.cli.conftest import FC2, Run, in_words
from tests.models import tiny_sd
from tests.patch.examples import matrix_of

ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v.weight"


@pytest.fixture
def half_model(tmp_path: Path) -> Path:
    """The same model published in float16."""
    tiny_sd().to(torch.float16).save_pretrained(tmp_path / "half")
    return tmp_path / "half"


@pytest.mark.parametrize(("words", "dtype"), [((), torch.float16), (("--dtype", "bfloat16"), torch.bfloat16)])
def test_a_checkpoint_has_the_base_models_type_or_the_one_asked_for(
    run: Run, half_model: Path, patch_file: Path, tmp_path: Path, words: tuple[str, ...], dtype: torch.dtype
) -> None:
    path = tmp_path / "edited.safetensors"
    run("patch", "apply", patch_file, "--model", half_model, "--format", "checkpoint", "--out", path, *words)
    assert {tensor.dtype for tensor in load_file(path).values()} == {dtype}
    config = {"config": str(half_model), "local_files_only": True, "torch_dtype": dtype}
    copy: Any = StableDiffusionPipeline.from_single_file(str(path), **config)
    base = resolve(tiny_sd().to(torch.float16), FC2).detach()
    change = matrix_of(Patch.load(patch_file).deltas[FC2])
    assert torch.equal(resolve(copy, FC2), (base.double() + change).to(torch.float16).to(dtype))
    with safe_open(str(path), framework="pt") as file:
        assert file.metadata()["overpaint.patch"] == Patch.load(patch_file).hash


def test_a_folder_keeps_the_base_models_type_and_has_a_card(
    run: Run, half_model: Path, patch_file: Path, tmp_path: Path
) -> None:
    run("patch", "apply", patch_file, "--model", half_model, "--out", tmp_path / "copy")
    for part in ("unet/diffusion_pytorch_model", "text_encoder/model", "vae/diffusion_pytorch_model"):
        assert {t.dtype for t in load_file(tmp_path / "copy" / f"{part}.safetensors").values()} == {torch.float16}
    assert "\\[red\\]pizza" in (tmp_path / "copy" / "README.md").read_text()
    output = run("patch", "verify", patch_file, "--model", half_model, "--edited", tmp_path / "copy").output
    assert "to the bit" in output


def test_verify_finds_a_copy_that_is_another(run: Run, model: Path, patch_file: Path, tmp_path: Path) -> None:
    run("patch", "apply", patch_file, "--out", tmp_path / "copy", "--scale", "0.99")
    result = run("patch", "verify", patch_file, "--edited", tmp_path / "copy", code=2)
    assert f"first difference in {FC2}" in result.stderr
    other = tmp_path / "other"
    tiny_sd(seed=3).save_pretrained(other)
    assert "made for another model" in run("patch", "verify", patch_file, "--model", other, code=2).stderr


def test_a_dry_run_tells_the_size_of_a_copy_and_writes_none(
    run: Run, half_model: Path, patch_file: Path, tmp_path: Path
) -> None:
    words = ("patch", "apply", patch_file, "--model", half_model, "--out", tmp_path / "copy", "--dry-run")
    pipe = tiny_sd()
    half = sum(p.numel() * 2 for part in (pipe.text_encoder, pipe.unet, pipe.vae) for p in part.parameters())
    for more, size in (((), half), (("--dtype", "float32"), 2 * half)):
        told = in_words(run(*words, *more).output)
        assert f"weights that change {resolve(pipe, FC2).numel():,}" in told
        assert f"disk {size / 1e6:,.1f} MB" in told
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "words", [("lora",), ("lora", "--naming", "kohya"), ("lora", "--dtype", "float16"), ("weights",)]
)
def test_a_dry_run_tells_the_size_of_an_export_and_writes_none(
    run: Run, pipeline: Any, model: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    name = f"unet.{ATTENTION}"
    shape = resolve(pipeline, name).shape
    deltas = {name: LowRank(torch.ones(shape[0], 2), torch.randn(2, shape[1]))}
    patch = Patch.made_on(pipeline, deltas, {"model": str(model)}).save(tmp_path / "patch.safetensors")
    path = tmp_path / "out.safetensors"
    asked = ("patch", "export", patch, "--format", *words, "--out", path)
    shown = run(*asked, "--dry-run")
    assert not path.exists()
    done = run(*asked)
    assert shown.stderr == done.stderr  # how exact it is, is said alike
    size = sum(tensor.nbytes for tensor in load_file(path).values())
    assert f"disk {size / 1e6:,.1f} MB" in in_words(shown.stdout)
    assert f"tensors in it {len(load_file(path))}" in in_words(shown.stdout)


@pytest.mark.parametrize("naming", ["diffusers", "kohya"])
def test_a_lora_is_exact_and_says_so(run: Run, patch_file: Path, tmp_path: Path, naming: str) -> None:
    path = tmp_path / "lora.safetensors"
    result = run("patch", "export", patch_file, "--format", "lora", "--naming", naming, "--out", path)
    assert "exact" in result.stderr
    with safe_open(str(path), framework="pt") as file:
        assert float(file.metadata()["overpaint.error"]) < 1e-6


def test_a_cut_lora_says_what_it_misses(run: Run, pipeline: Any, model: Path, tmp_path: Path) -> None:
    from overpaint.patch import Dense

    torch.manual_seed(0)
    shape, bias = resolve(pipeline, FC2).shape, "unet.conv_in.bias"
    deltas = {FC2: Dense(torch.randn(shape)), bias: Dense(torch.ones(16))}
    patch = Patch.made_on(pipeline, deltas, {"model": str(model)}).save(tmp_path / "dense.safetensors")
    result = run("patch", "export", patch, "--rank", "4", "--out", tmp_path / "lora.safetensors")
    assert "misses" in result.stderr
    assert "left out" in result.stderr
    assert bias in result.stderr


def test_published_weights_become_a_patch(run: Run, pipeline: Any, model: Path, tmp_path: Path) -> None:
    weight = resolve(pipeline, f"unet.{ATTENTION}").detach()
    save_file(
        {ATTENTION: weight * 1.1}, tmp_path / "esd.safetensors", {"format": "erasing-esd-v2", "train_method": "esd-x"}
    )
    words = ("import", tmp_path / "esd.safetensors", "--model", model, "--out", tmp_path / "esd_patch.safetensors")
    assert "parameters that the patch changes 1" in in_words(run("patch", *words, "--dry-run").output)
    assert not (tmp_path / "esd_patch.safetensors").exists()
    run("patch", *words)
    assert "esd-x" in run("patch", "info", tmp_path / "esd_patch.safetensors").output
    run(
        "patch",
        "export",
        tmp_path / "esd_patch.safetensors",
        "--format",
        "weights",
        "--out",
        tmp_path / "w.safetensors",
    )
    torch.testing.assert_close(load_file(tmp_path / "w.safetensors")[ATTENTION], weight * 1.1)


def test_mistakes_are_one_line_and_nothing_is_written(run: Run, model: Path, patch_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "x.safetensors"
    pickle, there, other = tmp_path / "esd.pt", tmp_path / "there.safetensors", tmp_path / "other"
    torch.save({}, pickle)
    there.write_bytes(b"mine")
    tiny_sd(seed=3).save_pretrained(other)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(patch_file.read_bytes()[:-9])
    cases = {
        ("import", pickle, "--model", model, "--out", out): "is a pickle",
        ("import", cut, "--model", model, "--out", out): "damaged",
        ("import", patch_file, "--model", model, "--out", out): "patch of Overpaint already",
        ("apply", patch_file, "--format", "checkpoint", "--out", tmp_path / "x.ckpt"): "ends in .safetensors",
        ("apply", patch_file, "--format", "checkpoint", "--out", there): "is there already",
        ("apply", cut, "--out", out.parent): "damaged",
        ("apply", patch_file, "--model", other, "--out", out.parent): "made for another model",
        ("export", patch_file, "--model", other, "--out", out): "made for another model",
        ("export", patch_file, "--format", "weights", "--out", out): "weights of the unet alone",
    }
    for words, expected in cases.items():
        result = run("patch", *words, code=2)
        assert expected in result.stderr
        assert result.stderr.count("error:") == 1
    assert not out.parent.exists()
    assert there.read_bytes() == b"mine"


def test_a_broken_file_is_one_line_for_every_command_and_nothing_is_written(
    run: Run, model: Path, pipeline: Any, patch_file: Path, tmp_path: Path
) -> None:
    whole, patch = patch_file.read_bytes(), Patch.load(patch_file)
    broken, out = tmp_path / "broken.safetensors", tmp_path / "out"
    delta = patch.deltas[FC2]
    wrong = LowRank(torch.ones(delta.shape[0] + 1, 1), torch.ones(1, delta.shape[1]))

    def damaged() -> Iterator[str]:
        broken.write_bytes(whole[: len(whole) // 2])
        yield "damaged"
        save_file({"x": torch.ones(2)}, broken)
        yield "no patch of Overpaint"
        torch.save({"x": torch.ones(2)}, broken)
        yield "is a pickle"
        for more in ({f"{FC2}.down": torch.ones(1, 2)}, {**patch.tensors(), "x.value": torch.ones(2)}):
            container.write(broken, more, {"base": dict(patch.base), "provenance": patch.provenance})
            yield "is damaged: "

    def unfit() -> Iterator[str]:
        Patch({FC2: wrong}, patch.base, patch.provenance).save(broken)
        yield "has shape"
        Patch({FC2: delta}, {FC2: fingerprint(torch.ones(3))}, patch.provenance).save(broken)
        yield "made for another model"
        Patch({"unet.no\x1b.weight": delta}, {"unet.no\x1b.weight": "f"}).save(broken)
        yield "no plain text"

    on_models = [
        ("apply", broken, "--model", model, "--out", out),
        ("apply", broken, "--model", model, "--format", "checkpoint", "--out", f"{out}.safetensors"),
        ("export", broken, "--model", model, "--out", f"{out}.safetensors"),
        ("verify", broken, "--model", model),
    ]
    alone = [
        ("info", broken),
        ("add", patch_file, broken, "--out", f"{out}.safetensors"),
        ("scale", broken, "2", "--out", f"{out}.safetensors"),
        ("remove", broken, patch_file, "--out", f"{out}.safetensors"),
        ("diff", patch_file, broken),
        ("push", broken, "owner/name", "--dry-run"),
    ]
    for cases, commands in ((damaged(), on_models + alone), (unfit(), on_models)):
        for message in cases:
            for command in commands:
                result = run("patch", *command, code=2)
                assert result.stderr.count("error:") == len(result.stderr.splitlines()) == 1, result.stderr
                assert message in result.stderr, command
    assert [path.name for path in tmp_path.iterdir()] == [broken.name]
