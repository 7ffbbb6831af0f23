"""The locked tower is embedded once, afresh when it changes, and every row is the picture that it says."""

import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from overpaint.emoji.clip import WIDTH
from overpaint.emoji.image_tower import ImageTower
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import image_side
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.render import Pictures, composite

CPU = torch.device("cpu")


def put(work: Path, seed: int) -> None:
    torch.manual_seed(seed)
    save_file({k: v.contiguous() for k, v in ImageTower(WIDTH).state_dict().items()}, work / image_side.FILE)


def test_embeddings_follow_pictures_backgrounds_and_tower(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, size=(3, 64, 64, 4)).astype(np.uint8)
    pictures = Pictures(rgba, np.array([0, 0, 1], np.int16), np.zeros(3, np.int8))
    pictures.save(tmp_path)
    put(tmp_path, 0)
    embedded = image_side.embed_all(tmp_path, CPU)
    assert embedded.shape == (len(BACKGROUNDS), 3, WIDTH)
    image = to_tensor(composite(rgba[2:], BACKGROUNDS["teal"]))
    alone = F.normalize(image_side.load(tmp_path)(image), dim=1)[0].numpy()
    assert np.allclose(embedded[list(BACKGROUNDS).index("teal"), 2], alone, atol=2e-3)

    put(tmp_path, 1)
    os.utime(tmp_path / image_side.FILE, (2e9, 2e9))
    assert not np.allclose(image_side.embed_all(tmp_path, CPU), embedded, atol=0.01), (
        "a new tower must not meet old ones"
    )


def test_a_picture_does_not_vote_for_itself() -> None:
    pictures = Pictures(np.zeros((4, 1, 1, 4), np.uint8), np.array([0, 0, 1, 1], np.int16), np.zeros(4, np.int8))
    apart = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]])
    assert image_side._own_concept_is_nearest(F.normalize(apart, dim=1), pictures) == 1
    crossed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert image_side._own_concept_is_nearest(crossed, pictures) == 0
