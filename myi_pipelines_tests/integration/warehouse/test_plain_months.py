"""Months with rows of the extended history only: derived several at a time, each committed by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from myi_pipelines.sources.exports import Kind, Play, Track
from myi_pipelines.warehouse import events, plain_months
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.partitions import LISTENING_EVENTS, ensure_months, existing_months, partition_name
from myi_pipelines.warehouse.plain_months import PlainMonth, in_batches
from myi_pipelines.warehouse.session import Failure
from myi_pipelines.warehouse.user_months import Stage, UserMonth
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Landing, Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

SONG = Track(spotify_id("a"), "Song", "Artist", "Album")
OTHER = Track(spotify_id("b"), "Other", "Artist", "Album")
EPISODE = Track(spotify_id("e"), "Episode", "Show", None, Kind.EPISODE)
MONTHS = [date(2020 + month // 12, month % 12 + 1, 1) for month in range(20)]


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def heard(track: Track, ended_at: datetime, ms_played: int = 180_000) -> Play:
    return Play(track, CONTEXT, ended_at, ended_at, ms_played)


def history() -> list[Play]:
    """Plays in twenty months: one stream twice across the end of each month, and an episode in every third."""
    plays: list[Play] = []
    for number, month in enumerate(MONTHS):
        begins = datetime(month.year, month.month, 1, tzinfo=UTC)
        plays += [heard(SONG, begins - timedelta(seconds=3)), heard(SONG, begins + timedelta(seconds=4))]
        plays += [heard(OTHER, begins + timedelta(days=day, hours=number)) for day in range(1, 5)]
        plays += [heard(EPISODE, begins + timedelta(days=9))] if number % 3 == 0 else []
    return plays


def written(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The months that are written from what was derived at once, as they come."""
    months: list[date] = []
    write = plain_months.write_plain_month

    def noted(conn: Connection, user_month: UserMonth, *rest: Any) -> plain_months.Written | None:
        done = write(conn, user_month, *rest)
        months.extend([user_month.month] if done else [])
        return done

    monkeypatch.setattr(events, "write_plain_month", noted)
    return months


def assert_right(warehouse: Warehouse, user_id: int, landed: Landing) -> None:
    expected = reference.derive({"": landed})[""]
    tables = warehouse.tables(user_id)
    assert tables.events == expected.events
    assert tables.episode_events == expected.episode_events


def after_staging(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Once, right after months were derived and before any of them is written."""
    stage = plain_months.stage_plain_months

    def staged(conn: Connection, months: Sequence[date], bounds: dict[str, Any]) -> dict[date, PlainMonth]:
        found = stage(conn, months, bounds)
        monkeypatch.setattr(events, "stage_plain_months", stage)
        act()
        return found

    monkeypatch.setattr(events, "stage_plain_months", staged)


def test_a_first_import_is_derived_a_few_months_at_a_time_and_a_second_listener_too(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):  # the second one's months have partitions
        months = written(monkeypatch)
        user_id = warehouse.user(name, "UTC")
        landed = warehouse.land(user_id, history())
        warehouse.settle([user_id])
        assert sorted(months) == landed.months
        assert_right(warehouse, user_id, Landing("UTC", history()))


def test_months_that_have_events_are_compared_with_them(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = warehouse.user("listener", "UTC")
    warehouse.land(user_id, [play for number, play in enumerate(history()) if play.track is not OTHER or number % 2])
    warehouse.settle([user_id])
    ids = warehouse.identities(user_id)
    months = written(monkeypatch)
    warehouse.land(user_id, history())
    warehouse.settle([user_id])
    assert months == []
    assert_right(warehouse, user_id, Landing("UTC", history()))
    assert warehouse.identities(user_id).items() >= ids.items()


def test_new_months_of_account_data_get_all_events_and_indexes(warehouse: Warehouse) -> None:
    """They are not plain: each is derived by itself, into a partition that is filled before it is attached."""
    names = Track(None, "Song", "Artist", None)
    instants = [datetime(month.year, month.month, 7, 12, tzinfo=UTC) for month in MONTHS]
    plays = [Play(names, ACCOUNT, instant, instant, 180_000) for instant in instants]
    user_id = warehouse.user("anna", "UTC")
    warehouse.land(user_id, plays)
    assert existing_months(warehouse.conn, LISTENING_EVENTS, MONTHS) == set()
    stale = warehouse.stale(user_id, Stage.EVENTS)
    conformed = dict(events.conform_user_months(warehouse.session(), stale))
    assert sum(one.added for one in conformed.values()) == len(plays)
    assert_right(warehouse, user_id, Landing("UTC", plays, []))
    built, made = (indexes(warehouse, month) for month in (MONTHS[5], date(2019, 1, 1)))
    assert built == made
    assert len(built) > 3


def indexes(warehouse: Warehouse, month: date) -> set[str]:
    """The definitions of a partition's indexes, which are made for a month that has none yet."""
    ensure_months(warehouse.conn, [month])
    name = partition_name(LISTENING_EVENTS.name, month)
    query = "SELECT indexdef FROM pg_indexes WHERE tablename = %s"
    defined = [definition for (definition,) in warehouse.conn.execute(query, [name])]
    return {definition.partition(" USING ")[2].partition(" WITH ")[0] for definition in defined}


def test_what_lands_after_months_were_derived_and_before_they_are_written_counts(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    user_id = warehouse.user("listener", "UTC")
    warehouse.land(user_id, history())
    warehouse.sync()
    more = [heard(OTHER, datetime(2020, 2, 20, tzinfo=UTC)), heard(EPISODE, datetime(2020, 3, 20, tzinfo=UTC))]
    shown = [Polled(str(OTHER.spotify_id), datetime(2020, 1, 25, tzinfo=UTC), 180_000)]
    months = written(monkeypatch)
    with open_warehouse(database_url) as another:

        def arrive() -> None:
            another.land(user_id, more)
            another.poll(user_id, shown)

        after_staging(monkeypatch, arrive)
        session = warehouse.session().on(warehouse.conn)
        for _ in events.conform_user_months(session, warehouse.stale(user_id, Stage.EVENTS)):
            pass
    assert not {date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1)} & set(months)
    assert len(months) > 10
    warehouse.settle([user_id])
    assert_right(warehouse, user_id, Landing("UTC", history() + more, shown))


def test_a_month_that_the_server_refuses_stops_no_other(warehouse: Warehouse) -> None:
    user_id = warehouse.user("listener", "UTC")
    landed = warehouse.land(user_id, history())
    warehouse.sync()
    warehouse.conn.execute(
        "ALTER TABLE listening_events ADD CONSTRAINT bad CHECK (played_at < '2020-05-02' OR played_at >= '2020-06-01')"
    )
    failures: list[Failure] = []
    session = warehouse.session()
    session = type(session)(session.conn, session.helpers, min_play_ms=session.min_play_ms, on_failure=failures.append)
    done = [one.month for one, _ in events.conform_user_months(session, warehouse.stale(user_id, Stage.EVENTS))]
    assert [(one.user_id, one.month) for one in failures] == [(user_id, date(2020, 5, 1))]
    assert isinstance(failures[0].error, psycopg.errors.CheckViolation)
    assert done == [month for month in landed.months if month != date(2020, 5, 1)]
    assert warehouse.stale(user_id, Stage.EVENTS) == [UserMonth(user_id, date(2020, 5, 1))]


def test_batches_are_of_one_user_and_of_a_year_at_most() -> None:
    chosen = [UserMonth(user_id, month) for month in MONTHS for user_id in (1, 2)]
    assert [len(batch) for batch in in_batches(chosen, 1)] == [10, 10, 10, 10]
    assert all(len({user_id for user_id, _ in batch}) == 1 for batch in in_batches(chosen, 1))
    apart = [UserMonth(1, date(year, 1, 1)) for year in range(2010, 2022, 2)]
    assert [len(batch) for batch in in_batches(apart * 9, 1)] == [9] * 6
    assert in_batches([], 2) == []
