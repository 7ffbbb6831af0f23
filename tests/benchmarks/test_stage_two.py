"""The two ways to write a thousand values are compared on the same edit."""

from __future__ import annotations

import torch
from benchmarks.stage_two import BEFORE, TEMPLATES, Shape, compared, random_prompts, table

SMALL = Shape(width=32, depth=4, heads=4, vocabulary=300, edited=3)
THREADS = torch.get_num_threads()


def test_the_streaming_pass_makes_the_published_change() -> None:
    found = compared(SMALL, 5, None, THREADS, 0, run=lambda work: work())
    rows = found["rows"]
    assert list(rows) == ["published", *(f"{r}, factors {k}" for r in ("mlp", "stream") for k in ("computed", "known"))]
    assert all(rows[f"mlp, factors {known}"]["difference"] < 1e-3 for known in ("computed", "known"))
    assert "difference" not in rows["stream, factors known"]
    for name, row in rows.items():
        assert row["seconds"] > 0
        assert name == "published" or row["faster"] == rows["published"]["seconds"] / row["seconds"]
    assert f"{rows['stream, factors computed']['faster']:.1f} times faster, bar 10: " in table(found)


def test_a_sampled_loop_is_scaled_and_said() -> None:
    found = compared(SMALL, 5, 1, THREADS, 0, run=lambda work: work())
    assert (found["rows"]["published"]["computed"], found["rows"]["published"]["of"]) == (1, 3)
    assert "(1 of 3 blocks)" in table(found)
    assert "difference" not in found["rows"]["mlp, factors known"]


def test_prompts_are_as_long_as_they_say() -> None:
    prompts = random_prompts(7, 300)
    assert len(prompts) == 7 * TEMPLATES
    assert prompts.start.tolist() == [*BEFORE] * 7
    assert ((prompts.ids == 299).int().argmax(dim=1) == prompts.end).all()
    assert (prompts.last - prompts.start).unique().tolist() == [0, 1, 2]
    for template, before in enumerate(BEFORE):
        assert (prompts.ids[template::TEMPLATES, :before] == prompts.ids[template, :before]).all()
    for i in range(0, len(prompts), TEMPLATES):
        phrases = {tuple(prompts.ids[k, prompts.start[k] : prompts.end[k]].tolist()) for k in range(i, i + TEMPLATES)}
        assert len(phrases) == 1
