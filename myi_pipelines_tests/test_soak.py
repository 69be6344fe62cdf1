"""Thirty days of five listeners, in which everything goes wrong that can: at the end the warehouse is exact, nothing was
asked for in vain, and no token is anywhere in plain text."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.simulator.faults import Kind
from myi_pipelines.simulator.listening import Play
from myi_pipelines.warehouse import invariants, polling
from myi_pipelines_tests.soak_stage import Stage, open_stage
from myi_pipelines_tests.soak_troubles import end_trouble, troubles
from myi_pipelines_tests.soak_worker import CALLS_A_DAY, CLIENT_ID, TICK

SEED = 7
STARTS = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAYS = 30
A_DAY = timedelta(days=1) // TICK
TICKS = DAYS * A_DAY
LISTENERS = ("ada", "bela", "chandra", "dalia", "emeka")
QUIET_TICKS = 2 * A_DAY
"""At the end nothing goes wrong any more."""
KILLS = 14
TOKEN = re.compile(rb"[A-Za-z0-9_-]{100,}")


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    setup = Setup(seed=SEED, listeners=5, start=STARTS, client_id=CLIENT_ID, token_lifetime=4 * 3600)
    with Simulator(setup) as simulator, open_stage(simulator, database_url, tmp_path, Random(SEED)) as opened:
        yield opened


def test_thirty_days_of_trouble(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in LISTENERS:
        assert stage.log_in(name)
    stage.hire(2)
    import time
    began = time.monotonic()
    live(stage)
    print("seconds", time.monotonic() - began)
    report(stage)


def live(stage: Stage) -> None:
    trouble = troubles(stage.chance)
    apart = (TICKS - QUIET_TICKS) / len(trouble)
    begins = {round(place * apart): one for place, one in enumerate(trouble)}
    kills = set(stage.chance.sample(range(A_DAY, TICKS - QUIET_TICKS), KILLS))
    kill_next = False
    for tick in range(TICKS):
        stage.pass_time(TICK)
        if tick in begins:
            end_trouble(stage)
            begins[tick](stage)
        if tick == TICKS // 2:
            stage.redis.stop()
        if tick == TICKS // 2 + 6:
            stage.redis.start()
        if tick == TICKS - QUIET_TICKS:
            end_trouble(stage)
            stage.control.clear_faults()
        stage.log_in_again()
        kill_next = kill_next or tick in kills
        tasks = tasks_at(stage, tick)
        if tasks:
            hands = 2 if len(tasks) > 1 or tick % 5 == 0 else 1
            stage.work(tasks, hands=hands, victim=stage.chance.randrange(hands) if kill_next else None)
            kill_next = False


def tasks_at(stage: Stage, tick: int) -> list[str]:
    """What the schedules would ask for."""
    tasks = []
    if polling.due_users(stage.hands.conn, stage.now):
        tasks.append("poll")
    if stage.now.hour == 3 and stage.now.minute == 0:
        tasks.append("top_lists")
    if tick % 12 == 0:
        tasks += ["enrich", "derive"]
    return tasks


def report(stage):
    spotify = stage.simulator.spotify
    log = spotify.log.find()
    print(len(log), Counter(r.family for r in log))
    print(Counter(r.fault for r in log))
    print("unstruck", set(map(str, Kind)) - {r.fault for r in log})
    print("logins", stage.logins, "interrupted", len(stage.interrupted))
    print(Counter(e for _, _, e in stage.polls).most_common())
    conn = stage.hands.conn
    for name in LISTENERS:
        uid = stage.user_ids[name]
        stored = {(t, p) for p, t in conn.execute("SELECT played_at, spotify_id FROM polled_plays WHERE user_id=%s", [uid])}
        true = [p for p in spotify.listening.plays(name, STARTS, stage.now) if p.ms_played >= 30000 and p.track_id]
        missing = [p for p in true if (p.track_id, p.played_at) not in stored]
        gaps = conn.execute("SELECT after, before FROM possible_gaps WHERE user_id=%s", [uid]).fetchall()
        nogap = [p for p in missing if not any(a < p.played_at < b for a, b in gaps)]
        print(name, len(stored), len(true), "missing", len(missing), "gaps", len(gaps), "unexplained", [str(p.played_at) for p in nogap][:20])
    print([str(v) for v in invariants.check(conn)])
    print(conn.execute("select * from stale_slices").fetchall())
    print(conn.execute("select object_type, is_full, is_gone, count(*) from spotify_objects group by 1,2,3").fetchall())
    for r in conn.execute("select * from poll_states"): print(r)
