"""Numbers and words as a reader meets them."""

from __future__ import annotations

import doctest
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from myi_pipelines.serving import marked_text
from myi_pipelines.serving.web import words
from myi_pipelines.serving.web.charts.marks import count_scale
from myi_pipelines.serving.web.formats import FALLBACK, HOUR, Formats

FORMATS = Formats(FALLBACK, ZoneInfo("UTC"))


def test_the_examples_hold() -> None:
    assert doctest.testmod(words).failed == 0
    assert doctest.testmod(marked_text).failed == 0


def test_an_axis_is_written_in_one_way() -> None:
    assert [FORMATS.short(value, 15_000) for value in (5_000, 10_000, 15_000)] == ["5k", "10k", "15k"]
    assert [FORMATS.short(value, 7_500) for value in (2_500, 5_000, 7_500)] == ["2,500", "5,000", "7,500"]
    assert [FORMATS.hours(hours * HOUR, 15_000 * HOUR) for hours in (5_000, 15_000)] == ["5k h", "15k h"]


def test_years_are_those_of_the_calendar() -> None:
    today = date(2026, 5, 1)
    told = {
        date(2016, 5, 1): "10 years ago",
        date(2016, 5, 2): "9 years ago",
        date(2024, 5, 1): "2 years ago",
        date(2024, 5, 2): "24 months ago",
        date(2026, 3, 1): "2 months ago",
        date(2026, 3, 3): "59 days ago",
    }
    assert {day: FORMATS.ago(day, today) for day in told} == told
    assert FORMATS.ago(date(2023, 5, 2), date(2025, 5, 1)) == "24 months ago"


def test_an_hour_is_no_sixty_minutes() -> None:
    assert [FORMATS.hours(ms) for ms in (HOUR - 60_000, HOUR - 1, HOUR, 90 * 60_000)] == [
        "59 min",
        "1 h",
        "1 h",
        "1.5 h",
    ]


@pytest.mark.parametrize("highest", range(60))
def test_plays_are_counted_by_whole_ones(highest: int) -> None:
    found = count_scale(highest)
    assert found.top >= highest
    assert found.lines[-1] == found.top
    assert all(line == int(line) for line in found.lines)


def test_plays_are_many_or_few_and_time_is_much_or_little() -> None:
    assert FORMATS.change(5, 10) == "50% less than"
    assert FORMATS.change_in_number(5, 10) == "50% fewer than"
    assert FORMATS.change(96, 10) == "9.6 times as much as"
    assert FORMATS.change_in_number(96, 10) == "9.6 times as many as"
    assert (FORMATS.change(10, 10), FORMATS.change_in_number(10, 10)) == ("as much as", "as many as")


@pytest.mark.parametrize(("value", "text"), [(0, "0 songs"), (1, "1 song"), (1_204, "1,204 songs")])
def test_a_number_has_its_noun(value: int, text: str) -> None:
    assert FORMATS.counted(value, "song") == text
