"""The benchmark of many users at tiny sizes: the warehouse is correct, and dashboards read only what they need."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import dashboard, exports, many_accounts, many_users, scale
from benchmarks.many_users import MONTHS, User
from benchmarks.plans import executed, nodes, rows_read
from myi_pipelines.serving import dashboards as questions
from myi_pipelines.warehouse import events, invariants, stats
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.partitions import ensure_months, month_of, next_month, partition_name
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_months import UserMonth
from myi_pipelines.warehouse.users import ensure_user
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

BUILT = MONTHS[-24:]
PLAYS = 12_000


@pytest.fixture(scope="module")
def many_url(session_servers: SessionServers, worker_id: str) -> Iterator[str]:
    """A warehouse of eight users. No test of this module changes it."""
    with session_servers.database(shared_servers.database_name(__name__, worker_id)) as url:
        many_users.build(url, plays=PLAYS, months=BUILT, on_step=lambda step: None)
        yield url


@pytest.fixture
def many(many_url: str) -> Iterator[Connection]:
    with connect(many_url) as conn:
        yield conn


@pytest.fixture
def users(many: Connection) -> list[User]:
    """One user in each time zone."""
    return list({one.timezone: one for one in many_users.some_users(many, 8)}.values())


def test_the_built_warehouse_is_what_deriving_it_from_its_landed_plays_gives(
    many: Connection, users: Sequence[User]
) -> None:
    assert len({user.timezone for user in users}) == 4
    assert abs(scale.sizes(many)[0] - PLAYS) < PLAYS / 8  # half of these months are polled
    assert invariants.check(many) == []
    for user in users:
        user_months = [UserMonth(user.user_id, month) for month in BUILT]
        conformed = [one for _, one in events.conform_user_months(Session(many), user_months)]
        assert [one.written for one in conformed] == [0] * len(BUILT)
        assert all(one.unchanged for one in conformed)
        refreshed = stats.refresh_stats(Session(many), user.user_id, BUILT)
        assert refreshed == stats.Refreshed(tuple(user_months))


@pytest.mark.parametrize("question", dashboard.QUESTIONS, ids=lambda question: question.name)
def test_a_question_opens_no_more_partitions_than_it_needs(
    many: Connection, users: Sequence[User], question: dashboard.Question
) -> None:
    for user in users:
        seen = dashboard.touches(many, question.from_stats, user)
        assert question.needs is None or len(seen.partitions) <= question.needs
        assert seen.buffers > 0
        if question.is_over_stats:
            assert len(dashboard.touches(many, question.from_raw, user).partitions) >= len(BUILT)


def test_the_latest_plays_open_the_months_since_the_earliest_of_them(many: Connection, users: Sequence[User]) -> None:
    [question] = [one for one in dashboard.QUESTIONS if one.needs is None]
    for user in users:
        plays = questions.recent_plays(many, user.user_id)
        months = {partition_name("listening_events", month) for month in [*BUILT, next_month(BUILT[-1])]
                  if month >= month_of(plays[-1].played_at)}  # fmt: skip
        assert dashboard.touches(many, question.from_stats, user).partitions <= months


def test_the_latest_plays_come_from_the_index_in_order(many: Connection, users: Sequence[User]) -> None:
    for user in users:
        with executed(many) as plans:
            plays = questions.recent_plays(many, user.user_id)
        scans = [one for plan in plans for one in nodes(plan) if "listening_events" in one.get("Relation Name", "")]
        assert {one["Node Type"] for one in scans} == {"Index Scan"}
        assert sum(one["Actual Rows"] * one["Actual Loops"] for one in scans) == len(plays)


def test_a_question_about_a_month_reads_its_rows_only_in_any_time_zone(many: Connection, users: Sequence[User]) -> None:
    for user in users:
        of_month = "SELECT count(*) FROM user_track_months WHERE user_id = %s AND month = '2025-07-01'"
        with executed(many) as plans:
            questions.top_tracks_of_month(many, user.user_id, date(2025, 7, 1), each=50)
        assert rows_read(plans, "user_track_months") <= fetch_scalar(many, of_month, [user.user_id]), user.timezone


@pytest.mark.parametrize("question", dashboard.QUESTIONS, ids=lambda question: question.name)
def test_the_ways_of_answering_agree(many: Connection, users: Sequence[User], question: dashboard.Question) -> None:
    for user in users:
        answers = [
            _rows(way(many, user))
            for way in (question.from_stats, question.from_raw, question.from_bounded_raw)
            if way is not None
        ]
        assert answers[0]
        assert all(answer == answers[0] for answer in answers)


def _rows(answer: object) -> list[tuple[object, ...]]:
    rows = sorted(answer.items()) if isinstance(answer, dict) else answer
    assert isinstance(rows, list)
    return [tuple(row) for row in rows]


def test_recent_plays_include_those_that_no_statistic_counts_yet(conn: Connection) -> None:
    user_id = _add_user(conn)
    now = datetime.now(UTC).replace(microsecond=0)
    assert questions.recent_plays(conn, user_id) == []
    _events(conn, user_id, [now - timedelta(days=day) for day in range(70)])
    stats.refresh_stats(
        Session(conn), user_id, sorted({(now - timedelta(days=day)).date().replace(day=1) for day in range(70)})
    )
    _events(conn, user_id, [now - timedelta(minutes=5)])
    plays = questions.recent_plays(conn, user_id)
    assert len(plays) == questions.EACH
    assert [play.played_at for play in plays[:3]] == [now, now - timedelta(minutes=5), now - timedelta(days=1)]


def test_recent_plays_reach_back_as_far_as_needed_when_events_are_gone(conn: Connection) -> None:
    user_id = _add_user(conn)
    now = datetime.now(UTC).replace(microsecond=0)
    days = [now - timedelta(days=day) for day in range(70)]
    _events(conn, user_id, days)
    stats.refresh_stats(Session(conn), user_id, sorted({day.date().replace(day=1) for day in days}))
    conn.execute("DELETE FROM listening_events WHERE played_at > %s", [days[10]])
    assert [play.played_at for play in questions.recent_plays(conn, user_id)] == days[10:60]


def test_an_unknown_user_has_no_answers(conn: Connection) -> None:
    unknown = User(404, "unknown", "UTC")
    assert not any(question.from_stats(conn, unknown) for question in dashboard.QUESTIONS)


def test_sizes_and_answers_are_measured_and_shown(many: Connection, many_url: str, users: Sequence[User]) -> None:
    events_count, found = scale.sizes(many)
    relations = {one.relation for one in found}
    assert {"listening_events", "listening_events_identity", "user_track_stats_top"} <= relations
    assert not any("_y20" in relation for relation in relations)
    assert many.execute(_TABLE_BYTES).fetchone() == (sum(one.size for one in found),)
    measured = dashboard.measure(many_url, users[:2], times=1)
    assert all(0 < one.stats.p50_ms <= one.stats.p99_ms for one in measured)
    console = Console(quiet=True)
    scale.show_sizes(console, events_count, found)
    scale.show_dashboard(console, measured)


def test_costs_are_compared_between_warehouses(database_url: str, tmp_path: Path) -> None:
    many_users.build(database_url, plays=1_000, months=BUILT, on_step=lambda step: None)
    exports.write_export(tmp_path / "export.zip", rows=200, seed=1, years=1)
    costs = scale.costs([database_url, database_url], tmp_path / "export.zip", rounds=1, on_step=lambda step: None)
    assert [cost.events for cost in costs] == [costs[0].events] * 4
    assert all(cost.seconds > 0 for cost in costs)
    with connect(database_url) as conn:
        assert invariants.check(conn) == []
    scale.show_costs(Console(quiet=True), costs)


def test_ticks_are_measured_with_many_linked_users(database_url: str) -> None:
    tick = many_accounts.measure(database_url, accounts=500, times=1)
    assert tick.accounts == 500
    assert min(tick.due, tick.aggregate_demand, tick.poll) > 0
    scale.show_ticks(Console(quiet=True), [tick])


def test_statistics_that_disagree_with_the_events_stop_the_benchmark(database_url: str) -> None:
    many_users.build(database_url, plays=1_000, months=BUILT[-13:], on_step=lambda step: None)
    with connect(database_url) as conn:
        conn.execute("UPDATE user_hour_stats SET play_count = play_count + 1 WHERE user_id = 1 AND hour = 12")
        with pytest.raises(scale.InvariantsBroken, match="user-1: user_hour_stats"):
            scale.check(conn)


_TABLE_BYTES = """
SELECT sum(pg_total_relation_size(oid))::bigint
FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def _add_user(conn: Connection) -> int:
    conn.execute("INSERT INTO tracks (spotify_id, name) VALUES ('a track', 'A Song')")
    return ensure_user(conn, "ada", "Europe/Berlin")


def _events(conn: Connection, user_id: int, played_at: Sequence[datetime]) -> None:
    """Events of the only track, without landed plays or statistics."""
    ensure_months(conn, {month_of(instant) for instant in played_at})
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)"
            " SELECT %s, id, %s, 60000, 'IMPORT', false, false FROM tracks",
            [(user_id, instant) for instant in played_at],
        )
