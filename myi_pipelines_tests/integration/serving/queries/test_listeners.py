"""Whose answers they are, and when they may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from myi_pipelines.serving.queries import listeners
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import corrections, users
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines.warehouse.users import UnknownUser
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    with open_warehouse(database_url) as opened:
        yield opened


def plays(number: int, *, name: str = "Song") -> list[Play]:
    ends = [datetime(2023, 5, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(number)]
    return [Play(Track(f"{1:022}", name, "Artist", "Album"), CONTEXT, ended, ended, 100_000) for ended in ends]


def test_a_listener_is_found_in_any_spelling(warehouse: Warehouse) -> None:
    user_id = warehouse.user("Anna", "Asia/Kathmandu")
    found = listeners.find_listener(warehouse.conn, "anna")
    assert found == listeners.load_listener(warehouse.conn, user_id)
    assert (found.name, found.timezone.key, found.first_day, found.last_day) == ("Anna", "Asia/Kathmandu", None, None)
    for unknown in ("bob", "\0", "anna\udc80"):
        with pytest.raises(UnknownUser):
            listeners.find_listener(warehouse.conn, unknown)


def test_nothing_is_shared_unless_the_user_says_so(warehouse: Warehouse) -> None:
    listener = listeners.load_listener(warehouse.conn, warehouse.user("anna", "UTC"))
    settings = listeners.listener_settings(warehouse.conn, listener)
    assert settings == ("UTC", 0, 30, *[False] * 7)


def test_listeners_are_listed_page_by_page(warehouse: Warehouse) -> None:
    for name in ("carl", "anna", "bob"):
        warehouse.user(name, "UTC")
    first = listeners.listeners(warehouse.conn, each=2)
    assert [one.name for one in first] == ["anna", "bob"]
    assert [one.name for one in listeners.listeners(warehouse.conn, after="bob")] == ["carl"]


def test_the_version_moves_with_each_commit_that_changes_an_answer(warehouse: Warehouse) -> None:
    conn, user_id = warehouse.conn, warehouse.user("anna", "UTC")
    other = warehouse.user("bob", "UTC")
    seen = {listeners.load_listener(conn, user_id).version}

    def moves(step: Callable[[], object]) -> None:
        step()
        version = listeners.load_listener(conn, user_id).version
        assert version not in seen
        assert version >= 0
        seen.add(version)

    moves(lambda: warehouse.land(user_id, plays(3)))
    moves(lambda: warehouse.conform(warehouse.stale(user_id, Stage.EVENTS)))
    moves(lambda: warehouse.settle([user_id]))
    moves(lambda: warehouse.land(user_id, plays(5)))
    moves(lambda: warehouse.settle([user_id]))
    moves(lambda: users.set_timezone(conn, "anna", "Pacific/Apia"))
    moves(lambda: warehouse.settle([user_id]))
    moves(lambda: corrections.correct(conn, user_id, corrections.Kind.HIDE_TRACK, {"spotify_id": f"{1:022}"}))
    moves(lambda: warehouse.settle([user_id]))
    moves(lambda: conn.execute("UPDATE user_settings SET share_history = true WHERE user_id = %s", [user_id]))
    moves(lambda: conn.execute("UPDATE users SET display_name = 'Anna' WHERE id = %s", [user_id]))
    moves(lambda: warehouse.refresh(user_id, [date(2023, 5, 1)]))
    warehouse.land(other, plays(8, name="Song, renamed"))
    moves(lambda: warehouse.settle([other]))  # the catalog is everybody's


def test_the_version_stays_while_nothing_changes(warehouse: Warehouse) -> None:
    conn, user_id = warehouse.conn, warehouse.user("anna", "UTC")
    other = warehouse.user("bob", "UTC")
    for one in (user_id, other):
        warehouse.land(one, plays(5))
        warehouse.settle([one])
    before = listeners.load_listener(conn, user_id).version
    warehouse.sync()
    warehouse.settle([user_id])
    conn.execute("UPDATE users SET last_active_at = now() WHERE id = %s", [user_id])
    warehouse.land(other, plays(6))
    warehouse.settle([other])
    assert listeners.load_listener(conn, user_id).version == before


def test_freshness_says_what_is_being_derived(warehouse: Warehouse) -> None:
    conn, user_id = warehouse.conn, warehouse.user("anna", "UTC")
    listener = listeners.load_listener(conn, user_id)
    assert listeners.freshness(conn, listener).as_of is None
    warehouse.land(user_id, plays(3))
    waiting = listeners.freshness(conn, listener)
    assert (waiting.user_months, waiting.without_events, waiting.first_month) == (1, 1, date(2023, 5, 1))
    assert waiting.as_of == waiting.since
    warehouse.settle([user_id])
    done = listeners.freshness(conn, listener)
    assert (done.user_months, done.since, done.as_of) == (0, None, done.landed_at)
