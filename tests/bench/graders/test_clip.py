from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

from overpaint.bench.graders.clip import ClipEncoder, EmojiClipEncoder, TransformersClip, ZeroShot
from overpaint.emoji.clip import EmojiClip
from tests.models import tiny_text_model, tiny_tokenizer

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ColourClip(ClipEncoder):
    """Pictures and words of colours are the same vectors."""

    name, scale = "colours", 10.0

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        pixels: list[Any] = [image.getpixel((0, 0)) for image in images]
        return F.normalize(torch.tensor(pixels).float(), dim=1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        self.embedded += texts
        return F.normalize(torch.tensor([COLOURS[text.split()[-1]] for text in texts]).float(), dim=1)


IMAGES = [Image.new("RGB", (64, 64), colour) for colour in COLOURS.values()]


def test_the_score_is_a_hundred_cosines() -> None:
    assert ColourClip().similarity(IMAGES, ["a red", "a red", "a blue"]).tolist() == [100, 0, 100]


def test_zero_shot_weighs_a_pictures_own_labels() -> None:
    found = ZeroShot(ColourClip(), "a {}").scores(IMAGES, [("red", "blue"), ("red", "green"), ("red", "green")])
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3))
    assert found[0, 0] > 0.99 < found[1, 1]
    assert found[2].tolist() == [0.5, 0.5]


def test_a_text_is_embedded_once() -> None:
    clip = ColourClip()
    ZeroShot(clip).scores(IMAGES, [("red", "green")] * 3)
    assert clip.embedded == ["red", "green"]


def test_labels_must_be_as_many_for_each_picture() -> None:
    with pytest.raises(ValueError, match="as many labels"):
        ZeroShot(ColourClip()).scores(IMAGES[:2], [("red",), ("red", "blue")])


def test_the_transformers_model_gives_its_own_logits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": tokenizer.eos_token_id}
    config = CLIPConfig(
        text_config={**small, **words}, vision_config={**small, "image_size": 32, "patch_size": 16}, projection_dim=8
    )
    CLIPModel(config).save_pretrained(tmp_path)
    processor: Any = CLIPProcessor(CLIPImageProcessor(size=32, crop_size=32), tokenizer)
    processor.save_pretrained(tmp_path)
    clip = TransformersClip(str(tmp_path))
    prompts = ["red", "a photo of a dog"]
    inputs = processor(images=IMAGES[:2], text=prompts, padding=True, return_tensors="pt")
    network: Any = CLIPModel.from_pretrained(tmp_path)
    with torch.no_grad():
        logits = network(**inputs).logits_per_image
    torch.testing.assert_close(clip.similarity(IMAGES[:2], prompts) * clip.scale / 100, logits.diagonal())


def test_the_emoji_clip_gives_its_own_score() -> None:
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(24)
    network = EmojiClip(tiny_text_model(tokenizer)).eval()
    encoder = EmojiClipEncoder(network, tokenizer)
    pixels = torch.stack([torch.tensor(c).float()[:, None, None].expand(3, 64, 64) for c in COLOURS.values()])
    prompts = ["a red dog", "a cat", "pizza"]
    expected = network.score(pixels / 127.5 - 1, prompts, tokenizer)
    torch.testing.assert_close(encoder.similarity(IMAGES, prompts), expected)
