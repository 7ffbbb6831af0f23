"""The trace measures what it says, on encoders where the answer is known."""

from __future__ import annotations

import pytest
import torch

from overpaint.errors import BackboneError
from overpaint.trace import PAIRS, Trace, causal_trace, choose_blocks
from tests.methods.tiny import TEMPLATES, tiny_text

NAMES = [("dog", "cat"), ("pizza", "kitchen"), ("cat", "hens")]


def trace_of(end: list[float]) -> Trace:
    return Trace(tuple(end), tuple(end), tuple(end), tuple(end), 1, 1, 1)


def test_replacing_before_attention_ends_recovers_and_afterwards_does_not() -> None:
    """After the last block nothing reads a token any more; before it something does."""
    trace = causal_trace(tiny_text(), NAMES, TEMPLATES)
    assert trace.blocks == 4
    assert trace.end[-1] == pytest.approx(0, abs=1e-12)
    assert trace.padding[-1] == pytest.approx(0, abs=1e-12)
    assert trace.end[0] > trace.end[2] > 0


def test_all_is_recovered_where_nobody_has_read_the_name_yet() -> None:
    """Blocks 0 and 1 do not attend: after them the name is still nowhere but in its own tokens."""
    text = tiny_text(layers=4)
    with torch.no_grad():
        for block in text.blocks[:2]:
            for parameter in block.self_attn.out_proj.parameters():
                parameter.zero_()
    trace = causal_trace(text, NAMES, TEMPLATES)
    assert 0 < trace.aligned < trace.prompts
    assert trace.end_all[:2] == pytest.approx([1, 1])
    assert trace.padding_all[:2] == pytest.approx([1, 1])
    assert trace.end_all[2] < 0.999


def test_one_pair_by_hand() -> None:
    text = tiny_text()
    a, b = text.locate("{}", "dog"), text.locate("{}", "cat")
    block = 1
    source, destination = (text.run(text.embed(text.tokenize([x.prompt])), 0, block + 1) for x in (a, b))
    patched = source.clone()
    patched[0, a.last] = destination[0, b.last]
    final = [text.finish(text.run(s, block + 1, 4))[0] for s in (patched, source, destination)]
    end, wanted = a.end, b.end
    final = [states.detach() for states in final]
    share = 1 - (final[0][end] - final[2][wanted]).square().sum() / (final[1][end] - final[2][wanted]).square().sum()
    assert causal_trace(text, [("dog", "cat")], ["{}"]).end[block] == pytest.approx(float(share))


def test_batches_do_not_matter() -> None:
    text = tiny_text()
    whole, parts = (causal_trace(text, NAMES, TEMPLATES, chunk=chunk) for chunk in (128, 2))
    torch.testing.assert_close(torch.tensor(whole.end), torch.tensor(parts.end))
    torch.testing.assert_close(torch.tensor(whole.padding_all), torch.tensor(parts.padding_all))


def test_names_of_unequal_length_are_left_out_of_the_replacement_of_all() -> None:
    text = tiny_text()
    assert text.locate("{}", "dog").stop != text.locate("{}", "xyz").stop
    trace = causal_trace(text, [("dog", "xyz")], TEMPLATES)
    assert trace.aligned == 0
    assert all(share != share for share in trace.end_all)
    assert all(share == share for share in trace.end)


def test_nothing_to_trace_is_refused() -> None:
    with pytest.raises(BackboneError, match="pair"):
        causal_trace(tiny_text(), [], TEMPLATES)


@pytest.mark.parametrize(
    ("end", "blocks"),
    [
        ([0.85, 0.86, 0.85, 0.84, 0.78, 0.65, 0.34, 0.0], (0, 1, 2, 3)),
        ([0.9, 0.9, 0.4, 0.3, 0.2, 0.0], (0, 1)),
        ([0.2, 0.5, 0.6, 0.6, 0.3, 0.0], (0, 1, 2)),
    ],
)
def test_blocks_up_to_half_depth_that_keep_the_share_are_chosen(end: list[float], blocks: tuple[int, ...]) -> None:
    assert choose_blocks(trace_of(end)) == blocks


@pytest.mark.parametrize("end", [[0.2, 0.1, 0.05, 0.0], [0.0, 0.0, 0.0, 0.9, 0.9, 0.0]])
def test_encoders_that_do_not_gather_concepts_are_refused(end: list[float]) -> None:
    with pytest.raises(BackboneError, match="name blocks in the settings"):
        choose_blocks(trace_of(end))


def test_everyday_pairs_are_different_words() -> None:
    assert len(set(PAIRS)) == len(PAIRS) >= 20
    assert all(a != b for a, b in PAIRS)
