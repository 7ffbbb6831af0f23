"""From words on the command line to a model that is ready, without the noise of the libraries below."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from overpaint.cli.console import err, plain
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.bench.graders.grader import Grader
    from overpaint.cli.options import Arithmetic
    from overpaint.methods import Counter
    from overpaint.methods.esd.validation import Validator
    from overpaint.plan import Plan
    from overpaint.progress import Progress

__all__ = ["arithmetic", "device_for", "grader_for", "open_backbone", "open_pipeline", "share_counter", "validator_for"]

_log = logging.getLogger(__name__)


def device_for(wanted: str | None) -> str:
    """The device asked for, else the GPU of NVIDIA, AMD or Apple if there is one, else the CPU.

    Raises:
        OverpaintError: there is no such device here.
    """
    import torch

    from overpaint.backbone.devices import best_device

    if wanted is None:
        return str(best_device())
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise OverpaintError(f"--device {wanted}: not available here; leave the option out, or use cpu") from error
    return wanted


def open_pipeline(model: str, device: str | None) -> Any:
    """A diffusers pipeline, in float32."""
    with err().status(plain(f"loading {model}")):
        _quiet()
        from overpaint.backbone.loading import load

        pipe = load(model, device_for(device))
        pipe.set_progress_bar_config(disable=True)
        return pipe


def open_backbone(model: str, device: str | None) -> Backbone:
    """The model behind the adapter that methods and suites work on."""
    pipe = open_pipeline(model, device)
    from overpaint.backbone.loading import backbone_of

    return backbone_of(pipe)


def grader_for(backbone: Backbone) -> ConceptGrader | None:
    """The bundled grader if the model is the emoji model, or an edited or retrained one of its kind."""
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.emoji.assets import GRADER_FILE

    _, height, width = backbone.latent_shape
    side = 2 ** (len(backbone.vae.config.block_out_channels) - 1)
    if backbone.family != "emoji" or (height * side, width * side) != (64, 64) or not GRADER_FILE.is_file():
        return None
    return ConceptGrader.load(backbone.device)


def arithmetic(asked: Arithmetic | None, backbone: Backbone) -> str:
    """What the denoiser computes in, in drawing: as asked, or what is best for the model.

    The bundled model was measured in the fastest precision of a device; others are drawn in their own.
    """
    from overpaint.backbone.precision import fast_precision

    if asked is not None:
        return asked.value
    return fast_precision(backbone.device, backbone.dtype) if backbone.family == "emoji" else "float32"


def share_counter(
    backbone: Backbone,
    plan: Plan,
    progress: Progress | None = None,
    drawing: Drawing | None = None,
    grader: str | None = None,
) -> Counter | None:
    """Who counts what debiased concepts are drawn as; None if nothing is debiased, or nobody knows the pictures.

    Arguments:
        grader: its name, as `grader_named` takes it; None: the bundled one where it knows them.

    Raises:
        OverpaintError: the named grader cannot be loaded, or knows a destination not.
    """
    from overpaint.bench.shares import ShareCounter, countable

    if all(edit.over is None for edit in plan.edits):
        return None
    judge = _judge(backbone, grader)
    if judge is None or (grader is None and not countable(judge, plan.edits)):
        _log.warning(
            "shares are not counted, as no grader knows the pictures: they are as wanted in the mixture alone; "
            "--grader clip:openai/clip-vit-large-patch14 counts them"
        )
        return None
    return ShareCounter(backbone, judge, plan.edits, seed=plan.seed, drawing=drawing, progress=progress)


def validator_for(
    backbone: Backbone, plan: Plan, progress: Progress | None = None, grader: str | None = None
) -> Validator | None:
    """Who says in pictures what is left while a method trains; None if the plan does not ask for that.

    Raises:
        OverpaintError: nobody knows the pictures, the named grader cannot be loaded, or has no class for a concept.
    """
    from overpaint.bench.remaining import PictureValidator
    from overpaint.methods import configure
    from overpaint.methods.esd.config import EsdConfig

    config = configure(plan, backbone)
    if not isinstance(config, EsdConfig) or config.measure != "pictures" or config.until == "steps":
        return None
    judge = _judge(backbone, grader)
    if judge is None:
        at = plan.at("settings.measure")
        raise OverpaintError(f"{at}: no grader knows the model's pictures; name one by --grader")
    return PictureValidator(judge, plan.edits, config.validate_trajectories, progress=progress)


def _judge(backbone: Backbone, named: str | None) -> Grader | None:
    """The named grader, else the bundled one where it knows the model's pictures."""
    from overpaint.bench.graders.loading import grader_named

    return grader_for(backbone) if named is None else grader_named(named, str(backbone.device))


def _quiet() -> None:
    """Advice to programmers about versions and types is no news to a user; errors still come through."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("torch").setLevel(logging.ERROR)
