"""A new machine's work folder gets every part that ships, and keeps what it has."""

from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from overpaint.emoji.assets import MODEL, TRAINING_FILE
from overpaint.emoji.recipe.adopt import adopt


def test_what_ships_is_there_to_go_on_from(tmp_path: Path) -> None:
    assert adopt(tmp_path) == MODEL / "unet"
    shipped = UNet2DConditionModel.from_pretrained(MODEL / "unet").state_dict()
    found = UNet2DConditionModel.from_pretrained(tmp_path / "unet").state_dict()
    assert all(found[name].equal(value) for name, value in shipped.items())
    tower = load_file(tmp_path / "text_encoder" / "model.safetensors")
    assert any(name.endswith("mlp.fc2.weight") for name in tower)
    assert (tmp_path / "shipping" / "training.json").read_bytes() == TRAINING_FILE.read_bytes()


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    adopt(tmp_path)
    own = tmp_path / "unet" / "config.json"
    own.write_text("{}")
    adopt(tmp_path)
    assert own.read_text() == "{}"
