"""Cursors: they lead back to where they were made, and what somebody made up is refused."""

import base64
import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.problems import BadCursor

BIGINTS = st.integers(-(2**63) + 1, 2**63 - 1)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=64)


@given(BIGINTS, NAMES)
def test_a_cursor_holds_its_place(number: int, name: str) -> None:
    cursor = cursors.encoded([number, name], "a list")
    assert cursors.decoded(cursor, (int, str), "a list") == [number, name]
    with pytest.raises(BadCursor):
        cursors.decoded(cursor, (int, str), "another list")


@given(st.text(max_size=700))
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        cursors.decoded(text, (int,), "a list")


@pytest.mark.parametrize("value", [2**63, True, 1.0, None, "1", [1], {}])
def test_a_number_is_one_that_the_database_holds(value: object) -> None:
    with pytest.raises(BadCursor):
        cursors.decoded(forged(value), (int,), "a list")


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 1])
def test_a_text_is_one_that_the_database_holds(value: object) -> None:
    with pytest.raises(BadCursor):
        cursors.decoded(forged(value), (str,), "a list")


def forged(value: object) -> str:
    """What somebody makes up who knows how cursors are made."""
    digest = json.loads(base64.urlsafe_b64decode(cursors.encoded([], "a list") + "=="))[0]
    return base64.urlsafe_b64encode(json.dumps([digest, value]).encode()).decode().rstrip("=")


def test_the_examples_are_true() -> None:
    assert doctest.testmod(cursors).failed == 0
