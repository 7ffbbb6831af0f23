"""Retrieval counts what is found and nothing else."""

from typing import Any

import numpy as np
import torch

from overpaint.emoji.recipe.render import Pictures
from overpaint.emoji.recipe.retrieval import prototypes, retrieval
from overpaint.emoji.vocabulary import Vocabulary


class Oracle:
    """Knows every name's concept, no alias, and sees the concept in the picture's corner."""

    training = False

    def __init__(self) -> None:
        self.vocabulary = Vocabulary.load()

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        channels = ((images[:, :, 0, 0] + 1) * 127.5).round().long()
        return self._code(channels[:, 0] * 256 + channels[:, 1])

    def embed_text(self, ids: torch.Tensor) -> torch.Tensor:
        return self._code(ids[:, 0])

    def _code(self, index: torch.Tensor) -> torch.Tensor:
        bits = (index[:, None] >> torch.arange(12)) & 1
        return torch.nn.functional.normalize(bits.float() - 0.5, dim=1)

    def eval(self) -> None:
        pass

    def train(self, mode: bool) -> None:
        pass

    def tokenizer(self, texts: list[str], **_: Any) -> Any:
        names = sorted(self.vocabulary.by_name, key=len, reverse=True)
        index = [next((self.vocabulary.by_name[n] for n in names if n in text), 4095) for text in texts]
        return type("Encoded", (), {"input_ids": torch.tensor(index)[:, None]})


def pictures(concepts: int) -> Pictures:
    rgba = np.zeros((concepts, 64, 64, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, 0, 0, 0], rgba[:, 0, 0, 1] = np.arange(concepts) // 256, np.arange(concepts) % 256
    return Pictures(rgba, np.arange(concepts, dtype=np.int16), np.zeros(concepts, np.int8))


def test_a_tower_that_knows_names_finds_them_and_no_alias() -> None:
    oracle = Oracle()
    drawn = pictures(len(oracle.vocabulary))
    assert prototypes(oracle, drawn, len(oracle.vocabulary)).shape == (len(oracle.vocabulary), 12)
    figures = retrieval(oracle, oracle.tokenizer, drawn)
    assert figures["plain"] > 0.99
    assert figures["unseen sentences"] > 0.97
    assert figures["taught aliases"] < 0.05
