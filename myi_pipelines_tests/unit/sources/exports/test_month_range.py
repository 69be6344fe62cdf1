"""The months that a history can contain: never too few, and never an error."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from myi_pipelines.sources.exports import open_upload
from myi_pipelines_tests.support.export_rows import account, as_json, as_zip, extended, read

EARLIEST = datetime(2008, 10, 1, tzinfo=UTC)


def months(path: Path) -> tuple[date, date] | None:
    with open_upload(path) as upload:
        return upload.month_range()


def of_rows(folder: Path, *rows: dict[str, Any]) -> tuple[date, date] | None:
    path = folder / "history.json"
    path.write_bytes(as_json(list(rows)))
    return months(path)


def test_the_range_is_little_wider_than_the_rows(tmp_path: Path) -> None:
    rows = extended(ts="2021-03-15T00:00:00Z"), extended(ts="2020-12-15T12:00:00Z")
    assert of_rows(tmp_path, *rows) == (date(2020, 11, 1), date(2021, 3, 1))


def test_account_data_and_zips_have_a_range_too(tmp_path: Path) -> None:
    path = tmp_path / "h.zip"
    path.write_bytes(as_zip({"a.json": as_json([account()]), "b.json": as_json([extended(ts="2019-05-05T00:00:00Z")])}))
    assert months(path) == (date(2019, 4, 1), date(2024, 12, 1))


@pytest.mark.parametrize("ts", [None, "", "soon", "1970-01-01T00:00:00Z", "2023-13-45T00:00:00Z", "9999-01-01"])
def test_rows_without_a_possible_time_have_no_range(tmp_path: Path, ts: object) -> None:
    assert of_rows(tmp_path, extended(ts=ts)) is None


def test_impossible_times_do_not_widen_the_range(tmp_path: Path) -> None:
    odd = [extended(ts=ts) for ts in ("0001-01-01T00:00:00Z", "2007-01-01T00:00:00Z", "2999-01-01T00:00:00Z")]
    assert of_rows(tmp_path, *odd, extended()) == (date(2022, 12, 1), date(2023, 1, 1))


def test_a_day_that_its_month_does_not_have_is_no_error(tmp_path: Path) -> None:
    assert of_rows(tmp_path, extended(ts="2023-02-31T00:00:00Z")) == (date(2023, 1, 1), date(2023, 3, 1))
    assert of_rows(tmp_path, extended(ts="2023-02-00T00:00:00Z")) == (date(2023, 1, 1), date(2023, 2, 1))


def test_the_range_stays_between_spotifys_first_month_and_tomorrow(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    found = of_rows(tmp_path, extended(ts="2008-10-01T00:00:00Z"), extended(ts=now.isoformat()))
    assert found is not None
    assert found[0] == date(2008, 10, 1)
    assert found[1] in {(now + timedelta(days=days)).date().replace(day=1) for days in (0, 1, 2)}


def test_a_file_that_breaks_further_in_has_a_range_or_none_but_no_error(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(as_json([extended()] * 2)[:-30])
    assert months(path) == (date(2022, 12, 1), date(2023, 1, 1))
    packed = as_zip({"h.json": as_json([extended(platform=str(number)) for number in range(500)])})
    path.write_bytes(packed[:2_000] + bytes(500) + packed[2_500:])
    assert months(path) is None


def test_times_across_the_border_of_two_pieces_are_found(tmp_path: Path) -> None:
    piece = 256 * 1024
    for place in range(piece - 40, piece + 10, 3):
        first = as_json([extended(ts="2015-06-15T00:00:00Z", x="")], indent=None)[:-3]
        text = first + b"x" * (place - len(first) - 5) + b'"}, ' + as_json([extended()], indent=None)[1:]
        path = tmp_path / "history.json"
        path.write_bytes(text)
        assert months(path) == (date(2015, 5, 1), date(2023, 1, 1))


WHEN = st.datetimes(datetime(2008, 9, 29), datetime.now() + timedelta(days=3))  # noqa: DTZ001, DTZ005


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            WHEN,
            st.sampled_from(["Z", "+00:00", "+14:00", "-12:00", ""]),
            st.sampled_from("T "),
            st.integers(0, 31 * 86_400),
            st.sampled_from([1, 1_000]),
            st.integers(0, 86_400_000),
        ),
        min_size=1,
        max_size=5,
    ),
    indent=st.sampled_from([None, 2]),
)
def test_the_range_covers_every_play(
    tmp_path: Path, rows: list[tuple[datetime, str, str, int, int, int]], indent: int | None
) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(
        as_json(
            [
                extended(
                    ts=f"{when:%Y-%m-%d}{between}{when:%H:%M:%S}{offset}",
                    offline=True,
                    offline_timestamp=int(when.replace(tzinfo=UTC).timestamp() - before) * unit,
                    ms_played=ms_played,
                )
                for when, offset, between, before, unit, ms_played in rows
            ],
            indent=indent,
        )
    )
    plays = read(path).plays
    found = months(path)
    if plays:
        assert found is not None
        for play in plays:
            assert found[0] <= play.played_at.date().replace(day=1) <= found[1]
            assert EARLIEST <= play.played_at <= play.stopped_at
