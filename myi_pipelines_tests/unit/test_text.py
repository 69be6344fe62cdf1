"""The forms in which sizes, times and counts are written: the examples of each function."""

import doctest
from datetime import datetime, timedelta, timezone

from myi_pipelines import text


def test_the_examples_hold() -> None:
    assert doctest.testmod(text).failed == 0


def test_a_moment_of_another_time_zone_is_written_in_utc() -> None:
    in_kolkata = datetime(2024, 3, 1, 4, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert text.minute_utc(in_kolkata) == "2024-02-29 23:00 UTC"
