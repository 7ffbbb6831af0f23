"""Stage 4: the emoji CLIP's image tower, learned by naming pictures, then locked for the text tower to be tuned to.

Locked-image tuning (Zhai et al., arXiv 2111.07991): once the image side is fixed, every picture of the world is
embedded once and a caption is contrasted with all of them, not with the few of its batch. The text tower then learns to
tell all concepts apart for the price of one matrix product.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from overpaint.emoji.clip import WIDTH
from overpaint.emoji.image_tower import WIDTHS, ImageTower
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.halving import halved
from overpaint.emoji.recipe.naming import learn_to_name
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.files import replacing

__all__ = ["embed_all", "load", "train"]

log = logging.getLogger(__name__)
SEED = 505
STYLE_WEIGHT = 0.2
FILE = "image_tower.safetensors"


def train(work: Path, steps: int, device: torch.device) -> ImageTower:
    """Train (or go on training) the tower, save it as it will ship (in half precision) and embed all pictures."""
    model, seen = learn_to_name(work, "images", steps, SEED, WIDTHS, STYLE_WEIGHT, device)
    with replacing(work / FILE) as temporary:
        save_file(halved(model.tower.state_dict()), temporary)
    found = _own_concept_is_nearest(torch.from_numpy(embed_all(work, device)[0]).float(), Pictures.load(work))
    figures.record(work, "images", {"pictures": seen, "top1_by_other_styles": found})
    return load(work)


def load(work: Path) -> ImageTower:
    """The trained tower in float32, frozen."""
    tower = ImageTower(WIDTH)
    tower.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(work / FILE).items()})
    return tower.eval().requires_grad_(False)


@torch.no_grad()
def embed_all(work: Path, device: torch.device) -> np.ndarray:
    """Unit embeddings of every picture on every background, ``(backgrounds, n, 256)`` float16, kept in ``work``."""
    path = work / "embeddings.npy"
    if not path.exists() or path.stat().st_mtime < (work / FILE).stat().st_mtime:
        began = time.monotonic()
        tower, pictures = load(work).to(device, memory_format=torch.channels_last), Pictures.load(work)
        rows = []
        for colour in BACKGROUNDS.values():
            for begin in range(0, len(pictures), 256):
                images = to_tensor(composite(pictures.rgba[begin : begin + 256], colour))
                embedded = tower(images.to(device, memory_format=torch.channels_last))
                rows.append(F.normalize(embedded, dim=1).half().cpu().numpy())
        with replacing(path) as temporary:
            np.save(temporary, np.concatenate(rows).reshape(len(BACKGROUNDS), len(pictures), WIDTH))
        log.info("embedded all pictures in %.0f s", time.monotonic() - began)
    return np.load(path)


def _own_concept_is_nearest(embedded: Tensor, pictures: Pictures) -> float:
    """Share of pictures whose nearest concept, by the mean of its *other* pictures, is their own."""
    concept = torch.from_numpy(pictures.concept.astype(np.int64))
    total = torch.zeros(int(concept.max()) + 1, embedded.shape[1]).index_add(0, concept, embedded)
    cosines = embedded @ F.normalize(total, dim=1).T
    others = F.normalize(total[concept] - embedded, dim=1)
    cosines[torch.arange(len(concept)), concept] = (embedded * others).sum(dim=1)
    return round((cosines.argmax(dim=1) == concept).float().mean().item(), 4)
