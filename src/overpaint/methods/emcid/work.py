"""What EMCID takes."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.linear.moments import BAND
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.sites import edited, sites_of
from overpaint.methods.emcid.stage_one import HELD
from overpaint.methods.emcid.stopping import CHECK
from overpaint.methods.emcid.tasks import tasks_of
from overpaint.methods.work import BACKWARD, DOUBLE, SINGLE, Work
from overpaint.plan import Plan

__all__ = ["matrices", "stage_one_work", "work_of"]

FACTORS = 3
"""A moment, its Cholesky factor and one of them in the making."""


def work_of(backbone: Backbone, plan: Plan, config: EmcidConfig) -> Work:
    """Stage I by its settings, Stage II by the blocks; where the settings leave these open, a causal trace is made.

    Raises PlanError as `overpaint.methods.emcid.fit.fit` does.
    """
    tasks = tasks_of(edited(backbone, plan, config), plan, config)
    concepts = list(dict.fromkeys(concept for task in tasks for concept in task.concepts))
    sites = sites_of(backbone, plan, config)
    texts = [text for text in backbone.text_encoders if text.name in sites]
    parameters, memory, disk = matrices([(text, sites[text.name]) for text in texts], len(tasks))
    stage_one = stage_one_work(concepts, config)
    disk += len(concepts) * 2 * SINGLE * sum(text.width for text in texts)
    return stage_one.then(Work(parameters=parameters, memory=memory, disk=disk))


def matrices(sites: Sequence[tuple[TextEncoder, Sequence[int]]], edits: int) -> tuple[int, int, int]:
    """Elements of the edited matrices, bytes of memory, and bytes of patch and second moments (triangles, float64)."""
    parameters = memory = disk = 0
    for text, blocks in sites:
        width, key_width = text.width, text.key_width
        parameters += len(blocks) * width * key_width
        # two second moments of every block are gathered in one pass, in triangles of bands
        gathered = len(blocks) * key_width * (key_width + min(BAND, key_width))
        memory = max(memory, (gathered + FACTORS * key_width * key_width) * DOUBLE)
        patch = SINGLE * min(edits * (width + key_width), width * key_width)
        disk += len(blocks) * (patch + DOUBLE * key_width * (key_width + 1) // 2 * 2)
    return parameters, memory, disk


def stage_one_work(concepts: Sequence[Concept], config: EmcidConfig) -> Work:
    """Pictures drawn and evaluations of the denoiser; with patience, those if no concept stops early."""
    pictures = evaluations = trained = 0
    patient = config.patience is not None
    steps = config.steps + patient
    draws = min(config.draws or steps, steps)
    looks = config.steps // CHECK + 1 + (config.steps % CHECK > 0)
    for concept in concepts:
        if config.settled(concept.objective).values != "noise":
            continue
        rows = len(concept.prompts)
        if not concept.images:
            pictures += rows * config.images_per_prompt
            evaluations += rows * config.images_per_prompt * config.image_steps * 2
        teacher = {"images": 0, "destination": 1, "esd": 2}[concept.objective]
        evaluations += rows * (draws * teacher + patient * HELD * (teacher + looks))
        trained += rows * steps * (1 + BACKWARD)
    return Work(pictures=pictures, evaluations=evaluations + trained, trained=trained)
