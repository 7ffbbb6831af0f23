"""A call with rows for a concept has everything else for them that the prompts' rows have."""

from __future__ import annotations

import torch

from overpaint.guards.layout import Layout
from overpaint.guards.widening import States, replaced, widened

MASKED = Layout(mask="encoder_hidden_states_mask")


def test_what_a_controlnet_adds_is_there_for_the_concept_too() -> None:
    latents = torch.randn(1, 4, 8, 8).repeat(2, 1, 1, 1)
    blocks = (torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4))
    found = widened(
        {
            "hidden_states": latents,
            "encoder_hidden_states": torch.zeros(2, 7, 6),
            "residuals": blocks,
            "shapes": ["one", "two"],
            "scale": 0.5,
        },
        Layout(),
        States(torch.ones(1, 7, 6)),
    )
    assert torch.equal(found["hidden_states"], latents[:1].repeat(3, 1, 1, 1))
    assert torch.equal(found["encoder_hidden_states"][:, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert [len(block) for block in found["residuals"]] == [3, 3]
    assert all(torch.equal(block[2], given[1]) for block, given in zip(found["residuals"], blocks, strict=True))
    assert found["shapes"] == ["one", "two", "two"]
    assert found["scale"] == 0.5


def test_a_concept_of_another_length_is_read_as_far_as_it_goes_and_no_padding_is() -> None:
    for length, texts_read in ((5, [3, 3, 5]), (2, [3, 3, 2])):
        found = widened(
            {"hidden_states": torch.zeros(2, 4, 8), "encoder_hidden_states": torch.ones(2, 3, 6)},
            MASKED,
            States(torch.ones(1, length, 6)),
        )
        assert found["encoder_hidden_states_mask"].sum(dim=1).tolist() == texts_read
        assert found["encoder_hidden_states"].sum(dim=(1, 2)).tolist() == [6.0 * n for n in texts_read]


def test_a_mask_that_leaves_nothing_out_is_not_handed_on() -> None:
    asked = {
        "hidden_states": torch.zeros(2, 4, 8),
        "encoder_hidden_states": torch.zeros(2, 3, 6),
        "encoder_hidden_states_mask": torch.tensor([[True, True, False], [True, True, True]]),
    }
    found = replaced(asked, MASKED, States(torch.ones(1, 3, 6)), slice(1))
    assert found["encoder_hidden_states_mask"] is None
    assert asked["encoder_hidden_states_mask"].sum() == 5
    kept = replaced(asked, MASKED, States(torch.ones(1, 3, 6)), slice(1, None))
    assert kept["encoder_hidden_states_mask"].tolist() == [[True, True, False], [True, True, True]]


def test_lists_get_an_entry_of_the_concepts_own_length() -> None:
    layout = Layout("x", "t", "cap_feats", prompts_first=True, listed=True)
    latents = [torch.randn(2, 1, 8, 8)] * 2  # as many channels as rows: still one entry per row
    found = widened(
        {"x": latents, "t": torch.zeros(2), "cap_feats": [torch.zeros(4, 6), torch.zeros(2, 6)]},
        layout,
        States(torch.ones(1, 3, 6)),
    )
    assert [tuple(part.shape) for part in found["x"]] == [(2, 1, 8, 8)] * 3
    assert len(found["t"]) == 3
    assert [len(text) for text in found["cap_feats"]] == [4, 2, 3]
