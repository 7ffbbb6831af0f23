"""CLIP as judge: zero-shot over the labels that a picture is graded for, and the similarity of picture and prompt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from overpaint.bench.graders.grader import Grader
from overpaint.bench.graders.hub import from_hub
from overpaint.errors import OverpaintError

__all__ = ["BIG_G", "LARGE", "ClipEncoder", "EmojiClipEncoder", "OpenClip", "TransformersClip", "ZeroShot"]

LARGE = "openai/clip-vit-large-patch14"
"""The CLIP of the published CLIP scores and gender labels."""
BIG_G = "ViT-bigG-14/laion2b_s39b_b160k"
"""The open_clip model that RoAD and TIMED are scored with."""


class ClipEncoder(ABC):
    """Pictures and texts in one space.

    Attributes:
        name: the model.
        details: as `Grader.details`.
        scale: what cosines are multiplied with before a softmax.
    """

    name: str
    scale: float = 100.0

    def __init__(self, details: Mapping[str, Any] | None = None) -> None:
        self.details = dict(details or {})

    @abstractmethod
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors ``(n, d)`` float32 on the CPU."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors ``(n, d)`` float32 on the CPU."""

    def similarity(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> Tensor:
        """CLIP scores ``(n,)``: 100 x cosine of each picture and its prompt (arXiv 2104.08718, w = 1)."""
        return 100 * (self.embed_images(images) * self._texts(prompts)).sum(dim=1)

    def _texts(self, texts: Sequence[str]) -> Tensor:
        """Each distinct text is embedded once."""
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        return self.embed_texts(list(rows))[[rows[text] for text in texts]]


class ZeroShot(Grader):
    """Softmax over a picture's own labels: which of them is it rather? One label alone always has probability 1.

    ``template`` is what a label is put into; the published protocols mostly use the bare label.
    """

    def __init__(self, encoder: ClipEncoder, template: str = "{}") -> None:
        super().__init__({**encoder.details, "template": template, "scale": encoder.scale})
        self.name = f"{encoder.name} zero-shot"
        self._encoder = encoder
        self._template = template

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        """Probabilities ``(n, k)`` of each picture's k labels, which add to 1. ValueError unless all k are equal."""
        widths = {len(row) for row in labels}
        if not images or widths == {0}:
            return torch.zeros(len(images), max(widths, default=0))
        if len(widths) != 1:
            raise ValueError("zero-shot grading needs as many labels for each picture")
        texts = [self._template.replace("{}", label) for row in labels for label in row]
        embedded = self._encoder._texts(texts).reshape(len(labels), widths.pop(), -1)
        cosines = torch.einsum("nd,nkd->nk", self._encoder.embed_images(images), embedded)
        return (self._encoder.scale * cosines).softmax(dim=1)


class TransformersClip(ClipEncoder):
    """A CLIP of transformers, by hub id or folder."""

    def __init__(self, model: str = LARGE, device: torch.device | str = "cpu") -> None:
        """Raises OverpaintError if the model cannot be loaded."""
        from transformers import AutoProcessor, CLIPModel

        self._processor, self._network, settings = from_hub(AutoProcessor, CLIPModel, model, device, "CLIP")
        self.name = model
        self.scale = float(self._network.logit_scale.exp())
        super().__init__(settings)

    @torch.no_grad()
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors ``(n, d)``."""
        pixels = self._processor(images=[i.convert("RGB") for i in images], return_tensors="pt").pixel_values
        pooled = self._network.vision_model(pixel_values=pixels.to(self._network.device)).pooler_output
        return F.normalize(self._network.visual_projection(pooled).float(), dim=1).cpu()

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors ``(n, d)``; what does not fit the window is cut off."""
        tokens = self._processor(text=list(texts), padding=True, truncation=True, return_tensors="pt")
        device = self._network.device
        pooled = self._network.text_model(
            input_ids=tokens.input_ids.to(device), attention_mask=tokens.attention_mask.to(device)
        ).pooler_output
        return F.normalize(self._network.text_projection(pooled).float(), dim=1).cpu()


class OpenClip(ClipEncoder):
    """A model of open_clip, as ``architecture/pretraining``."""

    def __init__(self, model: str = BIG_G, device: torch.device | str = "cpu") -> None:
        """Raises OverpaintError if open_clip or the model is missing."""
        architecture, _, weights = model.partition("/")
        try:
            import open_clip
        except ImportError as error:
            raise OverpaintError("open_clip is not installed; pip install open-clip-torch") from error
        try:
            network, _, self._preprocess = open_clip.create_model_and_transforms(architecture, pretrained=weights)
        except (OSError, RuntimeError, ValueError) as error:
            raise OverpaintError(f"CLIP {model}: cannot be loaded ({str(error).splitlines()[0]})") from error
        self._network: Any = network.to(device).eval().requires_grad_(False)
        self._tokenizer = open_clip.get_tokenizer(architecture)
        self._device = device
        self.name = f"open_clip {model}"
        super().__init__({"weights": model, "open_clip": open_clip.__version__})

    @torch.no_grad()
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors ``(n, d)``."""
        pixels = torch.stack([self._preprocess(image.convert("RGB")) for image in images]).to(self._device)
        return F.normalize(self._network.encode_image(pixels).float(), dim=1).cpu()

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors ``(n, d)``."""
        tokens = self._tokenizer(list(texts)).to(self._device)
        return F.normalize(self._network.encode_text(tokens).float(), dim=1).cpu()


class EmojiClipEncoder(ClipEncoder):
    """The bundled CLIP: the emoji model's own text tower and the image tower it was contrasted with.

    Its text tower is the one that text-side methods edit, but always the shipped, unedited one here.
    """

    name = "emoji CLIP"

    def __init__(self, network: Any = None, tokenizer: Any = None, device: torch.device | str = "cpu") -> None:
        """The shipped one unless network and tokenizer are given."""
        from overpaint.bench.graders.grader import digest
        from overpaint.emoji import clip
        from overpaint.emoji.assets import CLIP_FILE

        shipped = network is None
        if shipped:
            network, tokenizer = clip.load()
        super().__init__({"weights": digest(CLIP_FILE) if shipped else "given"})
        self._network = network.to(device)
        self._tokenizer = tokenizer
        self._device = device
        self.scale = float(self._network.log_scale.detach().exp())

    @torch.no_grad()
    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Unit vectors ``(n, 256)`` of 64x64 pictures."""
        from overpaint.emoji.grader import images_to_tensor

        embedded: Tensor = self._network.embed_images(images_to_tensor(images).to(self._device))
        return embedded.cpu()

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors ``(n, 256)``."""
        tokens = self._tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self._tokenizer.model_max_length,
            return_tensors="pt",
        )
        embedded: Tensor = self._network.embed_text(tokens.input_ids.to(self._device))
        return embedded.cpu()
