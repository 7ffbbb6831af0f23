"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole session: a second driver in the same process gets no answers."""
    from tests.browsers import launched

    with launched() as started:
        yield started


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """The browser. Tabs end with the test that opened them: they would go on asking their servers, which are gone."""
    yield chromium
    for context in chromium.contexts:
        context.close()
