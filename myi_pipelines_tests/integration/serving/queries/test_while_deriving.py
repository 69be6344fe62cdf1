"""What a reader sees while an import lands and its months are derived: after every commit, each answer is that of one
state of the plays, the one that statistics know or the one that events know, and never of a part of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pytest

from myi_pipelines.serving.context import reader_pool
from myi_pipelines.serving.queries import activity, history, items, listeners, milestones, tops
from myi_pipelines.serving.queries.activity import Step
from myi_pipelines.serving.queries.instant import one_instant
from myi_pipelines.serving.queries.scope import Days, Filters, Listener, Measure, Scope
from myi_pipelines.serving.queries.tops import Kind
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import archive, events, partitions, stats
from myi_pipelines.warehouse.database import locks
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import slow_answers as slow
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.slow_answers import Heard
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

ZONE = "Asia/Kathmandu"
MONTHS = [date(2024, 9, 1), date(2024, 10, 1), date(2024, 11, 1), date(2024, 12, 1)]
RANGES = [
    Days(date(2024, 9, 20), date(2024, 11, 10)),  # edges at both ends of a whole month
    Days(date(2024, 10, 1), date(2024, 11, 30)),  # whole months
    Days(date(2024, 10, 1), date(2024, 12, 5)),  # an edge in the last month, where the history begins to go on
    Days(date(2024, 10, 25), date(2024, 11, 2)),  # no whole month
    Days(date(2024, 12, 1), date(2024, 12, 31)),
    Days(date(2024, 1, 1), date(2025, 12, 31)),
]
Answer: TypeAlias = tuple[str, object]


class Question(NamedTuple):
    """A question, and its answer by the slow reference."""

    ask: Callable[[Connection, Scope], Any]
    slow: Callable[[list[Heard], Scope], Any]


def _songs(conn: Connection, scope: Scope) -> object:
    rows = tops.tops(conn, scope, [Kind.SONG], each=100)[Kind.SONG].rows
    return [(row.item.id, row.play_count, row.total_ms) for row in rows]


def _clock(conn: Connection, scope: Scope) -> object:
    return {(one.weekday, one.hour): one[2:] for one in activity.clock(conn, scope).cells}


def _skips(conn: Connection, scope: Scope) -> object:
    return {one.value: one[2:] for one in activity.ways(conn, scope)[0] if one.dimension == "SKIP"}


def _plays(conn: Connection, scope: Scope) -> object:
    return sorted((one.played_at, one.track.id) for one in history.history(conn, scope, each=1_000).plays)


def _days(conn: Connection, scope: Scope) -> object:
    return {one.first: one[2:] for one in activity.activity(conn, scope, Step.DAY).buckets if one.play_count}


QUESTIONS: dict[str, Question] = {
    "songs": Question(_songs, lambda plays, scope: slow.ranked(plays, "song", by_time=scope.measure is Measure.TIME)),
    "distinct": Question(
        lambda conn, scope: activity.distinct(conn, scope).songs, lambda plays, _: len({one.song for one in plays})
    ),
    "clock": Question(
        _clock, lambda plays, _: slow.grouped(plays, lambda one: [(one.local.weekday(), one.local.hour)])
    ),
    "ways": Question(_skips, lambda plays, _: slow.grouped(plays, lambda one: [str(one.is_skip).lower()])),
    "history": Question(_plays, lambda plays, _: [one[:2] for one in plays]),
    "days": Question(_days, lambda plays, _: slow.grouped(plays, lambda one: [one.day])),
    "sessions": Question(
        lambda conn, scope: history.sessions(conn, scope).number,
        lambda plays, _: len(slow.sessions(plays, timedelta(minutes=30))),
    ),
    "streaks": Question(
        lambda conn, scope: sorted(one.days for one in milestones.streaks(conn, scope, date(2026, 1, 1)).longest),
        lambda plays, _: sorted(sorted(slow.streaks(plays), reverse=True)[:5]),
    ),
}


def plays_of(number: int, months: list[date]) -> list[Play]:
    """Plays on many days of some months, of tracks of which a later file has some more."""
    found = []
    for month in months:
        for at in range(22):
            ended = datetime(month.year, month.month, 1, tzinfo=UTC) + timedelta(hours=11 + 32 * at, minutes=7 * number)
            track = Track(f"{(at + 3 * number) % 9:022}", f"Song {(at + 3 * number) % 9}", f"Artist {at % 2}", "Album")
            found.append(Play(track, CONTEXT, ended, ended, 20_000 if at % 4 == 0 else 100_000 + at, None))
    return found


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


@pytest.fixture
def reader(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as conn:
        yield conn


def states_of_import(warehouse: Warehouse, user_id: int, plays: list[Play]) -> Iterator[None]:
    """Import plays, with a pause after each commit that can be seen."""
    warehouse.land(user_id, plays)
    yield
    warehouse.sync()
    yield
    marked = warehouse.stale(user_id, Stage.EVENTS)
    partitions.ensure_months(warehouse.conn, {one.month for one in marked})
    for one in marked:
        for _ in events.conform_user_months(warehouse.session(), [one]):
            yield
    stats.refresh_stats(warehouse.session().on(warehouse.conn), user_id, [])
    yield


def mixed(conn: Connection, user_id: int, known: list[Heard]) -> tuple[list[str], list[Heard]]:
    """The questions whose answers are of no single state, and the events; `known`: those that statistics know."""
    wrong: list[str] = []
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        listener: Listener = listeners.load_listener(conn, user_id)
        now = slow.events_of(conn, user_id, ZoneInfo(ZONE))
        states = [now, known if listener.deriving else now]
        for days in RANGES:
            for filters in (Filters(), Filters(skipped=False), Filters(artist_id=now[0].artists[0] if now else 1)):
                scope = Scope(listener, days, filters=filters)
                wanted = [[one for one in slow.between(state, *days) if fits(one, filters)] for state in states]
                for name, question in QUESTIONS.items():
                    found = question.ask(conn, scope)
                    if found not in [question.slow(plays, scope) for plays in wanted]:
                        wrong.append(f"{name} of {days.first} to {days.last} with {filters}")
        met = items.day_of_most(conn, listener, sorted({one.track for one in now}))
        if now and met is not None:
            best = [slow.grouped(state, lambda one: [one.day]).get(met.day, (0, 0))[0] for state in states]
            wrong += [] if met.play_count in best else ["the day of most"]
        for one in milestones.milestones(conn, listener, range(1, len(now) + 1, 7)):
            placed = [(state[one.number - 1].played_at, state[one.number - 1].track) for state in states if
                      len(state) >= one.number]  # fmt: skip
            if one.track and (one.played_at, one.track.id) not in placed:
                wrong.append(f"milestone {one.number}")
    return wrong, now if not listener.deriving else known


def fits(one: Heard, filters: Filters) -> bool:
    is_of = filters.artist_id is None or filters.artist_id in one.artists
    return is_of and (filters.skipped is None or one.is_skip == filters.skipped)


def test_every_answer_is_of_one_state_of_the_plays_while_imports_are_derived(
    warehouse: Warehouse, reader: Connection
) -> None:
    user_id = warehouse.user("anna", ZONE)
    known: list[Heard] = []
    found: list[str] = []
    imports = [(1, MONTHS[:3]), (2, MONTHS[1:3]), (3, MONTHS), (4, MONTHS[:1])]
    for number, months in imports:
        for step, _ in enumerate(states_of_import(warehouse, user_id, plays_of(number, months))):
            wrong, known = mixed(reader, user_id, known)
            found += [f"import {number}, commit {step}: {one}" for one in wrong]
    assert found == []


def test_an_answer_that_waits_for_a_month_to_leave_knows_that_it_has_left(
    settled_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who begins while the archive holds its locks waits until the month has left, and must not have seen an
    instant before that."""
    pool = reader_pool(settled_database_url, connections=1, least=1)
    lock_tables = locks.lock_tables
    answers: list[Future[tuple[int, int]]] = []

    def read() -> tuple[int, int]:
        with pool.connection() as conn, one_instant(conn):
            anna = listeners.find_listener(conn, "anna")
            archived = fetch_scalar(conn, "SELECT coalesce(sum(play_count), 0) FROM archived_user_months")
            return len(slow.events_of(conn, anna.id, anna.timezone)), archived

    def lock_tables_and_let_read(conn: Connection, *args: Any, **options: Any) -> None:
        lock_tables(conn, *args, **options)
        answers.append(other.submit(read))
        while not fetch_scalar(conn, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            time.sleep(0.01)

    with (
        open_archiving_warehouse(settled_database_url, tmp_path / "archive") as warehouse,
        closing(pool),
        ThreadPoolExecutor(1) as other,
    ):
        pool.open()
        before = len(warehouse.identities(warehouse.user("anna", "Pacific/Apia")))
        monkeypatch.setattr(archive, "lock_tables", lock_tables_and_let_read)
        assert [one.error for one in warehouse.archive(only=[date(2011, 8, 1)])] == [None]
        present, archived = answers[0].result()
    assert archived > 0
    assert present + archived == before
