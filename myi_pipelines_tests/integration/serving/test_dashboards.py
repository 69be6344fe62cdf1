"""The functions that answer dashboards: planned once a session, and right for months that came later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from benchmarks.plans import executed, rows_read, touched
from myi_pipelines.serving import dashboards
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.partitions import ensure_months, month_of, next_month
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse

MONTHS = [date(2023, month, 1) for month in range(1, 7)]


@pytest.fixture
def reader(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as conn:
        yield conn


def import_month(warehouse: Warehouse, user_id: int, month: date) -> None:
    """As many plays of a track as the month's number, and one play of each of two others."""
    first = datetime(month.year, month.month, 10, tzinfo=UTC)
    played = [month.month] * month.month + [100, 101]
    ends = [first + timedelta(hours=number) for number in range(len(played))]
    plays = [Play(_track(track), CONTEXT, ended, ended, 100_000) for track, ended in zip(played, ends, strict=True)]
    warehouse.land(user_id, plays)
    warehouse.settle([user_id])


def _track(number: int) -> Track:
    return Track(f"{number:022}", f"Song {number}", f"Artist {number % 2}", "Album")


def test_a_session_that_has_asked_sees_the_months_that_come_later(warehouse: Warehouse, reader: Connection) -> None:
    user_id = warehouse.user("anna", "Asia/Kathmandu")
    for number, month in enumerate(MONTHS, 1):
        import_month(warehouse, user_id, month)
        for _ in range(2):
            [first, *others] = dashboards.top_tracks_of_month(reader, user_id, month)
            assert first == (f"Song {number}", f"Artist {number % 2}", number, number * 100_000)
            assert {one.name for one in others} == {"Song 100", "Song 101"}
        latest = dashboards.recent_plays(reader, user_id, each=2)
        assert [(play.name, play.played_at.month) for play in latest] == [("Song 101", number), ("Song 100", number)]
        assert dashboards.top_tracks_of_year(reader, user_id, 2023, each=3)[0].play_count == number
        assert {one.name for one in dashboards.top_tracks(reader, user_id, each=2)} <= {
            f"Song {number}", "Song 100", "Song 101"
        }  # fmt: skip


def test_each_question_reads_no_more_than_its_month(warehouse: Warehouse, reader: Connection) -> None:
    user_id = warehouse.user("anna", "UTC")
    for month in MONTHS:
        import_month(warehouse, user_id, month)
    for month in reversed(MONTHS):
        with executed(reader) as plans:
            dashboards.top_tracks_of_month(reader, user_id, month)
        assert not touched(plans).partitions
        assert rows_read(plans, "user_track_months") == 3
    ensure_months(warehouse.conn, [next_month(month_of(datetime.now(UTC) + timedelta(days=1)))])
    with executed(reader) as plans:
        dashboards.recent_plays(reader, user_id, each=10)  # of eight in June and seven in May
    assert touched(plans).partitions == {"listening_events_y2023m06", "listening_events_y2023m05"}


def test_a_month_is_named_by_any_of_its_days(warehouse: Warehouse) -> None:
    user_id = warehouse.user("anna", "UTC")
    import_month(warehouse, user_id, MONTHS[3])
    asked = "SELECT name, play_count FROM top_tracks_of_month(%s, %s, 1)"
    for day in (1, 15, 30):
        assert warehouse.conn.execute(asked, [user_id, date(2023, 4, day)]).fetchall() == [("Song 4", 4)]
    assert warehouse.conn.execute(asked, [user_id, date(2023, 5, 1)]).fetchall() == []
    assert warehouse.conn.execute("SELECT FROM top_tracks_of_year(%s, 2023)", [user_id + 1]).fetchall() == []
