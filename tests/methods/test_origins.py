"""Where defaults are said to come from agrees with what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docs.hooks import stand_in

from overpaint.methods import METHODS
from overpaint.methods.emcid.defaults import AS_RELEASED
from overpaint.methods.method import Method
from overpaint.methods.origins import ORIGINS, Origins


def settings(method: Method, family: str) -> dict[str, Any]:
    given = method.defaults(method.name, stand_in(family))
    return method.config.model_validate(given).model_dump(by_alias=True)


def everywhere() -> Iterator[tuple[Method, str]]:
    for method in METHODS.values():
        for family in method.families:
            yield method, family


def test_a_setting_has_the_origin_that_names_it_and_is_ours_where_none_does() -> None:
    found = Origins(frozenset({"steps"}), frozenset({"rate"}), frozenset({"captions"}))
    assert tuple(map(found.of, ("steps", "rate", "captions", "seed"))) == ORIGINS


def test_every_name_is_a_setting_and_has_one_origin() -> None:
    for method, family in everywhere():
        found = method.origins(method.name, family)
        names = [*found.published, *found.carried, *found.measured]
        assert len(names) == len(set(names)), (method.name, family)
        assert set(names) <= settings(method, family).keys(), (method.name, family)


def test_nothing_is_published_for_the_bundled_model_and_nothing_measured_elsewhere() -> None:
    for method, family in everywhere():
        found = method.origins(method.name, family)
        assert not (found.published if family == "emoji" else found.measured), (method.name, family)


def test_what_is_carried_over_is_what_was_published_for_some_model() -> None:
    for method, family in everywhere():
        for name in method.origins(method.name, family).carried:
            published = [
                settings(method, other)[name]
                for other in method.families
                if name in method.origins(method.name, other).published
            ]
            assert settings(method, family)[name] in published, (method.name, family, name)


def test_methods_with_a_paper_have_its_settings_on_its_model() -> None:
    without = [name for name, method in METHODS.items() if not method.origins(name, "sd1").published]
    assert without == ["gates", "oce"]
    assert METHODS["esd-x"].origins("esd-x", "sdxl").published >= {"steps", "rate", "guidance", "eta"}


@pytest.mark.parametrize("preset", ["emcid", "emcid-copy"])
def test_our_own_presets_claim_no_setting_of_the_release_that_they_change(preset: str) -> None:
    released = settings(METHODS["emcid-paper"], "sd1")
    own = settings(METHODS[preset], "sd1")
    said = METHODS[preset].origins(preset, "sd1").published
    assert said == {name for name in (*AS_RELEASED, "blocks") if own[name] == released[name]}


def test_a_method_of_somebody_elses_says_nothing() -> None:
    uce = METHODS["uce"]
    own = Method(
        "own", uce.summary, uce.needs, uce.config, uce.defaults, uce.fit, uce.work,
        actions=uce.actions, edits=uce.edits, cost=uce.cost, paper="",
    )  # fmt: skip
    assert not own.origins("own", "sd1").published
