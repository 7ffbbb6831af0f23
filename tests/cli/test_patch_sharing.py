from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, constants

from overpaint.hub import HubError, push
from tests.cli.conftest import Run
from tests.hub_server import hub


@pytest.fixture(autouse=True)
def plain_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files go the way that every server of the API has; the other needs a store in chunks behind it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def test_files_arrive_whole_small_and_large(tmp_path: Path) -> None:
    (tmp_path / "large.safetensors").write_bytes(bytes(range(256)) * 40)
    with hub() as server:
        files: dict[str, Path | bytes] = {
            "README.md": b"# card",
            "unet/large.safetensors": tmp_path / "large.safetensors",
        }
        address = push(files, "me/edited", private=True, endpoint=server.address, token="hf_x")
        assert address.endswith("/me/edited")
        assert server.repositories == {
            "me/edited": {"README.md": b"# card", "unet/large.safetensors": bytes(range(256)) * 40}
        }
        assert server.private == {"me/edited"}
        assert server.tokens == {"Bearer hf_x"}


def test_refusals_are_one_line(tmp_path: Path) -> None:
    with hub(refuses=True) as server:
        with pytest.raises(HubError, match="me/edited: the hub did not take it") as caught:
            push({"a": b"b"}, "me/edited", endpoint=server.address, token="hf_x")
        assert "\n" not in str(caught.value)
        with pytest.raises(HubError, match="did not take it"):
            push({"a": b"b"}, "no name at all", endpoint=server.address, token="hf_x")
    with pytest.raises(HubError, match="me/edited: the hub"):  # nobody listens there any more
        push({"a": b"b"}, "me/edited", endpoint=server.address, token="hf_x")


def test_a_patch_and_an_edited_model_go_with_their_cards(
    run: Run, pipeline: Any, model: Path, patch_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("patch", "apply", patch_file, "--out", tmp_path / "copy")
    with hub() as server:
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", "hf_x")
        run("patch", "push", patch_file, "me/patch", "--dry-run")
        assert server.repositories == {}
        run("patch", "push", patch_file, "me/patch")
        run("patch", "push", tmp_path / "copy", "me/model", "--private")
        sent, copy = server.repositories["me/patch"], server.repositories["me/model"]
    assert set(sent) == {"README.md", "patch.safetensors"}
    assert sent["patch.safetensors"] == patch_file.read_bytes()
    assert {"README.md", "model_index.json", "unet/config.json"} <= copy.keys()
    for name, content in copy.items():
        assert content == (tmp_path / "copy" / name).read_bytes()
    for card in (sent["README.md"], copy["README.md"]):
        data: Any = ModelCard(card.decode()).data
        assert data.library_name == "diffusers"
        assert "overpaint" in data.tags
        assert b"\\[red\\]pizza" in card
    (tmp_path / "copy" / "README.md").unlink()
    assert "name a model card" in run("patch", "push", tmp_path / "copy", "me/model", code=2).stderr
