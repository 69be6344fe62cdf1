"""Ranges as addresses name them."""

from __future__ import annotations

import doctest
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.serving.queries import scope
from myi_pipelines.serving.queries.scope import (
    Days,
    InvalidRange,
    Listener,
    RangeKind,
    fairly_compared,
    parse_range,
)

TODAY = date(2024, 5, 9)
ANNA = Listener(1, "anna", None, ZoneInfo("UTC"), 0, date(2015, 3, 1), date(2024, 5, 8), 1)
SUNDAYS = ANNA._replace(week_starts_on=6)


def test_the_examples_hold() -> None:
    assert doctest.testmod(scope).failed == 0


@pytest.mark.parametrize(
    ("text", "first", "last", "label", "before", "after"),
    [
        ("7d", "2024-05-03", "2024-05-09", "last 7 days", "2024-04-26..2024-05-02", None),
        ("4w", "2024-04-12", "2024-05-09", "last 4 weeks", "2024-03-15..2024-04-11", None),
        ("month", "2024-05-01", "2024-05-31", "May 2024", "2024-04", None),
        ("week", "2024-05-06", "2024-05-12", "week 19 of 2024", "2024-W18", None),
        ("2015", "2015-01-01", "2015-12-31", "2015", None, "2016"),
        ("2015-03", "2015-03-01", "2015-03-31", "March 2015", None, "2015-04"),
        ("2020-W53", "2020-12-28", "2021-01-03", "week 53 of 2020", "2020-W52", "2021-W01"),
        ("2020-02-29", "2020-02-29", "2020-02-29", "29 February 2020", "2020-02-28", "2020-03-01"),
        ("2019-12-30..2020-01-02", "2019-12-30", "2020-01-02", "30 December 2019 – 2 January 2020",
         "2019-12-26..2019-12-29", "2020-01-03..2020-01-06"),
        ("all", "2015-03-01", "2024-05-09", "all time", None, None),
    ],
)  # fmt: skip
def test_a_range_knows_its_days_its_name_and_its_neighbours(
    text: str, first: str, last: str, label: str, before: str | None, after: str | None
) -> None:
    found = parse_range(text, TODAY, ANNA)
    assert found.days == (date.fromisoformat(first), date.fromisoformat(last))
    assert (found.label, found.before, found.after) == (label, before, after)
    assert found.is_incomplete == (text != "all" and found.days.last >= TODAY)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0d", "9999w", "2024-13", "2024-W54", "2023-02-29", "2024-05-09..2024-05-01", "1999", "9999", "1d..2d"),
        *("２024", "all time", "2024-1", "20240", "-7d", "2024-05-01..", "..2024-05-01", "2024-05-01..x", "\0"),
        "x" * 5_000,
    ],
)
def test_a_text_that_names_no_range_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidRange) as refused:
        parse_range(text, TODAY, ANNA)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


def test_an_unfinished_period_is_compared_with_the_same_part_of_others() -> None:
    year, month = parse_range("year", TODAY, ANNA), parse_range("2024-05", TODAY, ANNA)
    assert year.days_before == year.days_year_before == Days(date(2023, 1, 1), date(2023, 5, 9))
    assert month.days_before == Days(date(2024, 4, 1), date(2024, 4, 9))
    assert month.days_year_before == Days(date(2023, 5, 1), date(2023, 5, 9))
    march = parse_range("month", date(2024, 3, 31), ANNA)
    assert march.days_before == Days(date(2024, 2, 1), date(2024, 2, 29))
    leap = parse_range("year", date(2024, 2, 29), ANNA)
    assert leap.days_before == Days(date(2023, 1, 1), date(2023, 2, 28))
    assert parse_range("all", TODAY, ANNA).days_before is None


def test_nothing_is_compared_with_a_day_that_is_not_over_or_days_before_the_music_began() -> None:
    def compared(text: str, first: date) -> tuple[bool, bool]:
        listener = ANNA._replace(first_day=first)
        fair = fairly_compared(parse_range(text, TODAY, listener), TODAY, listener)
        return fair.days_before is not None, fair.days_year_before is not None

    long_ago = date(2015, 1, 1)
    assert compared("year", long_ago) == compared("2024-05-08", long_ago) == compared("7d", long_ago) == (True, True)
    assert compared("day", long_ago) == compared("1d", long_ago) == compared(str(TODAY), long_ago) == (False, False)
    assert compared("2023", date(2022, 1, 30)) == (True, True)
    assert compared("2023", date(2022, 3, 1)) == compared("2023", date(2023, 1, 1)) == (False, False)
    assert compared("2024-04", date(2024, 2, 1)) == (True, False)


def test_weeks_begin_on_the_day_that_the_listener_chose() -> None:
    week = parse_range("2024-W07", TODAY, SUNDAYS)
    assert week.days == Days(date(2024, 2, 11), date(2024, 2, 17))
    assert week.before == "2024-W06"
    assert parse_range("week", TODAY, SUNDAYS).days == Days(date(2024, 5, 5), date(2024, 5, 11))


def test_a_listener_without_plays_has_ranges_too() -> None:
    nobody = ANNA._replace(first_day=None, last_day=None)
    for text in ("all", "7d", "year", "2020"):
        assert parse_range(text, TODAY, nobody).days.length >= 1


days = st.dates(date(2010, 1, 1), date(2030, 12, 31))


def named_ranges(first: date, length: int) -> list[str]:
    return [
        f"{first:%Y}",
        f"{first:%Y-%m}",
        f"{first:%G-W%V}",
        f"{first}",
        f"{first}..{first + timedelta(days=length)}",
    ]


@given(first=days, length=st.integers(1, 800), number=st.integers(0, 4), starts_on=st.integers(0, 6))
def test_neighbours_lie_beside_a_range_and_lead_back(first: date, length: int, number: int, starts_on: int) -> None:
    listener = ANNA._replace(week_starts_on=starts_on, first_day=date(2006, 6, 1), last_day=date(2050, 1, 1))
    found = parse_range(named_ranges(first, length)[number], TODAY, listener)
    assert found.text == named_ranges(first, length)[number]
    assert found.before
    before = parse_range(found.before, TODAY, listener)
    assert before.days.last + timedelta(days=1) == found.days.first
    assert (before.kind, before.after) == (found.kind, found.text)
    if found.kind is not RangeKind.CUSTOM:
        assert before.label != found.label
