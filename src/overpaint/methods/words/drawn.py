"""Does the denoiser make the same of two phrases?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.precision import fast_precision, in_precision
from overpaint.backbone.sampling import generators, initial_noise
from overpaint.halving import in_batches
from overpaint.progress import Advance
from overpaint.seeding import derive

__all__ = ["asked_of_one", "differences"]

PICTURES = 2
"""Of each source, to look at."""
STEPS = 8
"""Of their sampler: what matters is what they show, not how well."""
LEVEL = 0.8
"""Of the noise schedule, where it is settled what a picture shows. On the bundled model predictions there told 200
taught aliases from their concepts' nearest neighbours best (area under the curve .979; .961 at pure noise, .971 at
.6, and .721 for the text encoder's own distance)."""
BATCH = 64


@torch.no_grad()
def differences(
    backbone: Backbone,
    candidates: Mapping[str, Sequence[str]],
    template: str,
    seed: int,
    advance: Advance,
) -> dict[str, list[float]]:
    """How much else the denoiser predicts for each candidate than for its source, as a share of what the source adds.

    ``|e(candidate) - e(source)|^2 / |e(source) - e(empty)|^2``, summed over noised pictures of the source: 0 where both
    are drawn alike, 1 where the candidate is as far from the source as no word at all.
    """
    asked = [(source, phrases) for source, phrases in candidates.items() if phrases]
    found: dict[str, list[float]] = {}
    size = BATCH // PICTURES
    for first in range(0, len(asked), size):
        found |= _told(backbone, dict(asked[first : first + size]), template, seed, advance)
    return found


def asked_of_one(candidates: int) -> int:
    """Evaluations of the denoiser for a source with so many candidates."""
    return PICTURES * (2 * STEPS + 2 + candidates)


def _told(
    backbone: Backbone,
    candidates: Mapping[str, Sequence[str]],
    template: str,
    seed: int,
    advance: Advance,
) -> dict[str, list[float]]:
    """`differences` of sources whose pictures are in memory together, each with candidates."""
    precision = fast_precision(backbone.device, backbone.dtype) if backbone.family == "emoji" else "float32"
    prompts = [template.replace("{}", source) for source in candidates for _ in range(PICTURES)]
    seeds = [derive(seed, "words", source, number) for source in candidates for number in range(PICTURES)]
    pictures = backbone.sample(prompts, seeds, steps=STEPS, precision=precision)
    t = torch.full((len(pictures),), int(LEVEL * backbone.timesteps), device=pictures.device)
    noise = initial_noise(backbone.latent_shape, generators([derive(one, "noise") for one in seeds]))
    noisy = backbone.add_noise(pictures, noise.to(pictures), t)
    phrases = ["", *dict.fromkeys(phrase for source, others in candidates.items() for phrase in (source, *others))]
    row = {phrase: number for number, phrase in enumerate(phrases)}
    told = Condition.join([backbone.unconditional(), backbone.encode([template.replace("{}", p) for p in phrases[1:]])])
    wanted = [(at, row[p]) for at, (source, others) in enumerate(candidates.items()) for p in ("", source, *others)]

    def predicted(part: list[int]) -> Tensor:
        at = torch.tensor([wanted[number][0] * PICTURES + k for number in part for k in range(PICTURES)])
        what = torch.tensor([wanted[number][1] for number in part for _ in range(PICTURES)])
        with in_precision(backbone.device, precision):
            made = backbone.predict(noisy[at], t[at], told[what].like(noisy))
        advance(len(part))
        return made.float().unflatten(0, (len(part), PICTURES)).flatten(1)

    predictions = torch.cat(in_batches(len(wanted), BATCH // PICTURES, predicted, "phrases"))
    found: dict[str, list[float]] = {}
    first = 0
    for source, others in candidates.items():
        empty, own, *rest = predictions[first : first + 2 + len(others)]
        first += 2 + len(others)
        whole = (own - empty).square().sum()
        found[source] = [float((other - own).square().sum() / whole) for other in rest]
    return found
