"""The noise schedule of all Stable Diffusion models before 3."""

from __future__ import annotations

import inspect
from typing import Any

from diffusers import DDIMScheduler, PNDMScheduler


def scaled_linear(scheduler: type, prediction_type: str) -> Any:
    """A scheduler with the settings that the published files give."""
    known = inspect.signature(scheduler).parameters
    return scheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        prediction_type=prediction_type,
        **({"clip_sample": False, "set_alpha_to_one": False} if scheduler is DDIMScheduler else {}),
        **({"skip_prk_steps": True} if scheduler is PNDMScheduler else {}),
        **({"steps_offset": 1} if "steps_offset" in known else {}),
    )
