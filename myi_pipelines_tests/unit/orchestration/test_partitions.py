"""Dagster's months and Postgres' are the same."""

from datetime import UTC, date, datetime

from myi_pipelines.orchestration.partitions import MONTHS, key_of, last_month, month_of_key, range_tags
from myi_pipelines.warehouse.partitions import FIRST_MONTH, months_between, partition_name


def test_months_reach_from_spotifys_first_to_three_ahead_of_now() -> None:
    keys = MONTHS.get_partition_keys()
    this_month = datetime.now(UTC).date().replace(day=1)
    assert [month_of_key(key) for key in keys] == months_between(FIRST_MONTH, last_month())
    assert len(months_between(this_month, last_month())) == 4


def test_a_key_is_the_partition() -> None:
    assert key_of(date(2025, 12, 24)) == "2025-12-01"
    assert partition_name("listening_events", month_of_key("2025-12-01")) == "listening_events_y2025m12"


def test_a_range_stays_inside_the_months_that_exist() -> None:
    assert range_tags([date(1999, 1, 1), date(2031, 1, 1), date(2020, 5, 1)]) == {
        "dagster/asset_partition_range_start": "2002-10-01",
        "dagster/asset_partition_range_end": key_of(last_month()),
    }
