"""Second moments of keys are those of the tokens that the model itself produces."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.methods.emcid.moments import EVERY, key_moments, pack, unpack
from tests.methods.tiny import CAPTIONS, tiny_text


def keys_of(text: TextEncoder, caption: str, block: int) -> tuple[Tensor, Tensor]:
    """Keys of a caption's own tokens and of its padding, from the model's forward pass."""
    seen: list[Tensor] = []
    handle = text.fc2(block).register_forward_hook(lambda module, args, output: seen.append(args[0][0].detach()))
    text.encode([caption])
    handle.remove()
    end = int(text.end_positions(text.tokenize([caption]))[0])
    return seen[0][: end + 1], seen[0][end + 1 :]


@pytest.mark.parametrize("chunk", [1, 4, 64])
def test_one_pass_equals_caption_by_caption(chunk: int) -> None:
    text = tiny_text()
    moments = key_moments(text, CAPTIONS, [0, 2], chunk=chunk)
    for block in (0, 2):
        own = torch.cat([keys_of(text, c, block)[0] for c in CAPTIONS])
        torch.testing.assert_close(moments[block].caption.total, own.mT @ own)
        assert moments[block].caption.count == len(own)
        torch.testing.assert_close(moments[block].mean(0.0), own.mT @ own / len(own))


def test_padding_of_a_sample_stands_for_all() -> None:
    text = tiny_text()
    captions = [c for c in CAPTIONS for _ in range(EVERY)]  # alike ones are neighbours, so one of each is sampled
    sampled = key_moments(text, captions, [1])[1].padding
    behind = torch.cat([keys_of(text, c, 1)[1] for c in captions])
    torch.testing.assert_close(sampled.total, behind.mT @ behind)
    assert sampled.count == pytest.approx(len(behind))
    own = torch.cat([keys_of(text, c, 1)[0] for c in captions])
    mixed = (own.mT @ own + 0.5 * behind.mT @ behind) / (len(own) + 0.5 * len(behind))
    torch.testing.assert_close(key_moments(text, captions, [1])[1].mean(0.5), mixed)


def test_leaving_padding_out_changes_nothing_else() -> None:
    text = tiny_text()
    short, whole = (key_moments(text, CAPTIONS, [1], padding=padding, chunk=2)[1] for padding in (False, True))
    torch.testing.assert_close(short.caption.total, whole.caption.total)
    assert short.padding.count == 0


@pytest.mark.parametrize("padding", [True, False])
def test_packing_loses_nothing(padding: bool) -> None:
    text = tiny_text()
    moments = key_moments(text, CAPTIONS, [1], padding=padding)[1]
    packed = pack(moments)
    again = unpack(packed, text.key_width)
    for a, b in ((moments.caption, again.caption), (moments.padding, again.padding)):
        assert torch.equal(a.total.triu(), b.total.triu())
        assert torch.equal(b.total, b.total.mT)
        assert a.count == b.count


def test_no_captions_are_refused() -> None:
    with pytest.raises(ValueError, match="caption"):
        key_moments(tiny_text(), [], [0])
