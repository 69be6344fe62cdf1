"""Several imports at once, of one listener and of several: no deadlock, and the tables of imports one after another."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import events, invariants, stats, user_months, users
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Landing, Polled
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

LISTENERS = {"ada": "America/St_Johns", "bela": "Europe/Budapest", "chandra": "Asia/Kathmandu"}
BEGAN = datetime(2019, 1, 1, tzinfo=UTC)


def history(seed: int) -> Landing:
    """Two years over tracks that all listeners share, whose artists are renamed as time goes by."""
    chance = random.Random(seed)
    plays = []
    for _ in range(1_500):
        ended = BEGAN + timedelta(seconds=chance.randrange(730 * 86_400))
        number = chance.randrange(60)
        artist = f"Artist {number % 9}" if ended.year == 2019 or number % 4 else f"Renamed {number % 9}"
        track = Track(f"{number:022}", f"Song {number}", artist, f"Album {number % 11}")
        plays.append(Play(track, CONTEXT, ended, ended, chance.randrange(1_000, 300_000)))
    polled = tuple(
        Polled(str(play.track.spotify_id), play.played_at + timedelta(milliseconds=chance.randrange(2_000)), 200_000)
        for play in chance.sample(plays, 60)
    )
    return Landing(list(LISTENERS.values())[seed % 3], tuple(plays), polled)


def import_share(url: str, name: str, landing: Landing, share: slice) -> None:
    """What one process does: a part of the history landed and derived, two user-months at a time."""
    with open_warehouse(url) as mine:
        user_id = mine.user(name, landing.timezone)
        mine.land(user_id, landing.plays[share], batch_rows=200)
        mine.poll(user_id, landing.polled[share.start // 25 :])
        mine.sync()
        stale = user_months.invalidated_user_months(mine.conn, Stage.EVENTS, user_id=user_id)
        for _ in events.conform_user_months(mine.session(), stale):
            pass
        stats.refresh_stats(Session(mine.conn), user_id)


def test_imports_at_once_leave_the_tables_of_imports_in_turn(warehouse: Warehouse, database_url: str) -> None:
    landed = {name: history(seed) for seed, name in enumerate(LISTENERS)}
    shares = [slice(0, 900), slice(600, 1_500)]
    with ThreadPoolExecutor(len(landed) * len(shares)) as pool:
        imports = [
            pool.submit(import_share, database_url, name, landing, share)
            for share in shares
            for name, landing in landed.items()
        ]
        for one in imports:
            one.result(timeout=120)
    user_ids = {name: warehouse.user(name, landing.timezone) for name, landing in landed.items()}
    warehouse.settle(user_ids.values())
    assert invariants.check(warehouse.conn) == []
    expected = reference.derive(landed)
    for name, user_id in user_ids.items():
        assert warehouse.tables(user_id) == expected[name]


def test_readers_see_tables_that_agree_while_an_import_runs(warehouse: Warehouse, database_url: str) -> None:
    landing = history(1)
    looks = 0
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(import_share, database_url, "bela", landing, slice(0, 1_500))
        while not importing.done():
            assert invariants.check(warehouse.conn) == []
            looks += 1
        importing.result()
    assert invariants.check(warehouse.conn) == []
    assert looks > 3


@pytest.mark.few(1)
@pytest.mark.parametrize("together", [2, 1_000], ids=["together", "one after the other"])
def test_a_listener_in_trouble_holds_up_the_statistics_of_no_other(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(stats, "USERS_AT_LEAST", together)
    monkeypatch.setattr(stats, "MONTHS_AT_MOST", 1_000)
    landed = {name: history(seed) for seed, name in enumerate(LISTENERS)}
    user_ids = {name: warehouse.user(name, landing.timezone) for name, landing in landed.items()}
    for name, user_id in user_ids.items():
        warehouse.land(user_id, landed[name].plays, batch_rows=500)
        warehouse.poll(user_id, landed[name].polled)
    warehouse.sync()
    stale = user_months.invalidated_user_months(warehouse.conn, Stage.EVENTS)
    for _ in events.conform_user_months(Session(warehouse.conn), stale):
        pass
    bad = user_ids["bela"]
    warehouse.conn.execute(f"ALTER TABLE user_hour_stats ADD CONSTRAINT bad CHECK (user_id <> {bad})")
    failures: list[Failure] = []
    session = Session(warehouse.conn, [warehouse.status_conn], on_failure=failures.append)
    invalidated = user_months.invalidated_user_months(warehouse.conn, Stage.STATS)
    refreshed = list(stats.refresh_user_months(session, invalidated))
    done = {user_id for one in refreshed for user_id, _ in one.user_months}
    assert done == {user_id for user_id in user_ids.values() if user_id != bad}
    [failure] = failures
    assert (failure.user_id, type(failure.error)) == (bad, psycopg.errors.CheckViolation)
    assert {name for name, user_id in user_ids.items() if warehouse.stale(user_id, Stage.STATS)} == {"bela"}

    warehouse.conn.execute("ALTER TABLE user_hour_stats DROP CONSTRAINT bad")
    warehouse.refresh_together(user_months.invalidated_user_months(warehouse.conn, Stage.STATS), recount=False)
    expected = reference.derive(landed)
    assert {name: warehouse.tables(user_id) for name, user_id in user_ids.items()} == expected

    moved = dict(zip(LISTENERS, ("Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"), strict=True))
    for name, zone in moved.items():
        users.set_timezone(warehouse.conn, name, zone)
        landed[name] = landed[name]._replace(timezone=zone)
    warehouse.refresh_together(user_months.invalidated_user_months(warehouse.conn, Stage.STATS), recount=False)
    expected = reference.derive(landed)
    assert {name: warehouse.tables(user_id) for name, user_id in user_ids.items()} == expected
