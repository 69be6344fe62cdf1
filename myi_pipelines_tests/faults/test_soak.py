"""Eighteen days of five listeners, or ``MYI_SOAK_DAYS`` (ten at least), in which everything goes wrong that can: at
the end the warehouse is exact, nothing was asked for twice, nobody who read meanwhile was told what was not so, and no
token is anywhere in plain text."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from dagster import DagsterInstance
from psycopg import sql

from myi_pipelines.ingest.spotify.metadata_fetch import NOT_FOUND_IN_A_ROW
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.simulator.control import TrackInfo
from myi_pipelines.simulator.faults import Kind
from myi_pipelines.simulator.listening import Play as TruePlay
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import invariants, polls, top_list_history
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.metadata_backlog import GONE_AFTER, NOT_FOUND_PAUSE, wanted
from myi_pipelines_tests.support.readers import reading
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.soak.runs import polling_run, said
from myi_pipelines_tests.support.soak.stage import Stage, open_stage
from myi_pipelines_tests.support.soak.troubles import end_trouble, troubles
from myi_pipelines_tests.support.soak.worker import CALLS_A_DAY, CLIENT_ID, TICK
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

SEED = int(os.environ.get("MYI_SOAK_SEED", "7"))
DAYS = int(os.environ.get("MYI_SOAK_DAYS", "18"))
LEAST_DAYS = 10
"""In fewer, the next trouble begins before the last one has met a call, so that not everything goes wrong."""
STARTS = datetime(2026, 3, 2, 12, tzinfo=UTC)
A_DAY = timedelta(days=1) // TICK
TICKS = DAYS * A_DAY
QUIET_TICKS = 2 * A_DAY
"""At the end nothing goes wrong any more."""
ZONES = {"ada": "America/St_Johns", "bela": "UTC", "chandra": "UTC", "dalia": "UTC", "emeka": "UTC"}
KILLS = 2 + DAYS // 3
RUNS = 1 + DAYS // 10
"""Ticks that go through Dagster."""
DERIVED_EVERY = 3 * A_DAY // 4
TOP_LISTS_EVERY = 3 * A_DAY
LAST_TOP_LISTS = TICKS - A_DAY + 8
REDIS_AWAY = range(TICKS // 2, TICKS // 2 + 6)
"""Ticks at which calls are not counted."""
MILLISECOND = timedelta(milliseconds=1)
SHOWN_FROM_MS = 30_000
"""Spotify shows no shorter plays."""
TOKEN_BEGINS = re.compile(rb"(?=([AB]Q[A-Za-z0-9_-]{60}))")


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    setup = Setup(seed=SEED, users=5, start=STARTS, client_id=CLIENT_ID, token_lifetime=12 * 3600)
    with Simulator(setup) as simulator, open_stage(simulator, database_url, tmp_path, Random(SEED)) as opened:
        yield opened


@pytest.mark.long
@pytest.mark.thorough
def test_after_days_of_trouble_all_is_well(
    stage: Stage,
    session_servers: SessionServers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert DAYS >= LEAST_DAYS, f"MYI_SOAK_DAYS is {DAYS}: {LEAST_DAYS} days at least have room for all troubles"
    caplog.set_level(logging.DEBUG)
    imported = import_history(stage)
    for name in ZONES:
        assert stage.log_in(name)
    stage.hire(2)
    with DagsterInstance.ephemeral() as instance, reading(stage.hands.setup.database_url, list(ZONES), SEED) as reader:
        told = live(stage, instance, monkeypatch)
        events = said(instance)

    assert reader.wrong == []
    assert reader.answers > 10 * DAYS
    assert_everything_went_wrong(stage)
    polled = assert_every_play_is_stored_once(stage, told)
    assert_events_and_statistics_are_exact(stage, polled, imported)
    assert_top_lists_are_whole(stage)
    assert_metadata_came_once(stage)
    assert_no_quota_was_exceeded(stage)
    logs = {"log": caplog.text.encode(), "PostgreSQL": session_servers.servers.postgres.log.read_bytes()}
    assert_no_token_in_plain_text(stage, {**logs, "Dagster": events})


def import_history(stage: Stage) -> list[Play]:
    """One listener's export of last year, and everybody's time zone: the import knows no ids of artists or albums."""
    catalog = stage.control.catalog()
    artists = {one.id: one.name for one in catalog.artists}
    albums = {one.id: one for one in catalog.albums}

    def play(track: TrackInfo, ended: datetime) -> Play:
        album = albums[track.album_id]
        names = Track(track.id, track.name, artists[album.artist_ids[0]], album.name)
        return Play(names, CONTEXT, ended, ended, stage.chance.randrange(5_000, 300_000))

    of_albums = {id_ for album in stage.chance.sample(catalog.albums, 25) for id_ in album.track_ids}
    tracks = [track for track in catalog.tracks if track.id in of_albums]
    began = datetime(2025, 5, 5, 12, tzinfo=UTC)
    plays = [
        play(track, began + number * timedelta(hours=5))
        for number, track in enumerate(stage.chance.choices(tracks, k=300))
    ]
    with open_warehouse(stage.hands.setup.database_url) as warehouse:
        users = {name: warehouse.user(name, zone) for name, zone in ZONES.items()}
        warehouse.land(users["ada"], plays, batch_rows=1_000)
        warehouse.settle([users["ada"]])
    return plays


# ── The days of trouble ───────────────────────────────────────────────────────────────────────────────────────────────


def live(
    stage: Stage, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> dict[str, set[tuple[str, datetime]]]:
    """By listener, the plays in replies that were not lost with a killed worker."""
    ahead = troubles(stage.chance, in_full=DAYS >= 30)
    apart = (TICKS - QUIET_TICKS) / len(ahead)
    begins = {round(place * apart): one for place, one in enumerate(ahead)}
    kills = iter(sorted(stage.chance.sample(range(A_DAY, TICKS - QUIET_TICKS), KILLS)))
    runs = iter(sorted(stage.chance.sample(range(A_DAY, TICKS - QUIET_TICKS), RUNS)))
    next_kill, next_run = next(kills), next(runs)
    told: dict[str, set[tuple[str, datetime]]] = {name: set() for name in ZONES}
    for tick in range(TICKS):
        stage.pass_time(TICK)
        if tick in begins:
            end_trouble(stage)
            begins[tick](stage)
        if tick == REDIS_AWAY.start:
            stage.redis.stop()
        if tick == REDIS_AWAY.stop:
            stage.redis.start()
        if tick == TICKS - QUIET_TICKS:
            end_trouble(stage)
            stage.control.clear_faults()
        stage.log_in_again()
        tasks = tasks_at(stage, tick)
        heard = {name: len(plays) for name, plays in stage.simulator.spotify.delivered.items()}
        interrupted = len(stage.interrupted)
        if not tasks:
            continue
        if tasks[0] == "poll" and tick >= next_run and not stage.redis_is_away:
            next_run = next(runs, TICKS)
            polling_run(stage, instance, monkeypatch)
        else:
            hands = 2 if tick % (2 * DERIVED_EVERY) == 0 or tick % 10 == 0 else 1
            killable = stage.chance.randrange(hands) if tick >= next_kill else None
            if killable is not None:
                next_kill = next(kills, TICKS)
            stage.work(tasks, hands=hands, killable=killable)
        if len(stage.interrupted) == interrupted:  # Else a reply may have gone to the grave with a worker.
            for name, plays in stage.simulator.spotify.delivered.items():
                new = list(plays)[heard[name] :]
                told[name].update((track_id, played_at) for track_id, played_at in new if track_id)
    stage.work(["enrich", "derive"])
    return told


def tasks_at(stage: Stage, tick: int) -> list[str]:
    """What the schedules would ask for, but less often: plays are derived every 18 hours, not after each poll."""
    tasks = []
    if polls.due_users(stage.hands.conn, stage.now):
        tasks.append("poll")
    if (LAST_TOP_LISTS - tick) % TOP_LISTS_EVERY == 0:
        tasks.append("top_lists")
    if tick % DERIVED_EVERY == 0:
        tasks += ["enrich", "derive"]
    return tasks


# ── What must be true afterwards ─────────────────────────────────────────────────────────────────────────────────────


def assert_everything_went_wrong(stage: Stage) -> None:
    """Or else the rest would say little."""
    struck = {one.fault for one in stage.simulator.spotify.log.find()}
    assert set(map(str, Kind)) - struck == set()
    assert len(stage.interrupted) >= KILLS // 4
    assert stage.logins.total() > len(ZONES)
    assert sum(error is None for _, _, error in stage.polls) > 23 * DAYS


def assert_every_play_is_stored_once(
    stage: Stage, told: dict[str, set[tuple[str, datetime]]]
) -> dict[str, dict[tuple[str, datetime], int]]:
    """The stored plays with their lengths, by listener.

    All that a reply told is stored, late plays too. What the window showed between polls and no reply told, because
    Spotify refused or did not answer for longer than fifty plays take, lies in a gap that is known.
    """
    polled, late, lost = {}, 0, 0
    for name, user_id in stage.user_ids.items():
        rows = stage.hands.conn.execute(
            "SELECT spotify_id, played_at, duration_ms FROM polled_plays WHERE user_id = %s", [user_id]
        ).fetchall()
        stored = {(spotify_id, played_at): duration_ms for spotify_id, played_at, duration_ms in rows}
        assert len(stored) == len(rows), f"{name}: plays are stored twice"
        true = {(play.track_id, play.played_at): play for play in true_plays(stage, name)}
        assert {one: true[one].duration_ms for one in stored} == stored
        assert told[name] - stored.keys() == set(), name
        late += sum(true[one].visible_from > true[one].played_at for one in stored)
        gaps = stage.hands.conn.execute(
            "SELECT after, before FROM possible_gaps WHERE user_id = %s", [user_id]
        ).fetchall()
        missing = [play for play in shown_in_time(stage, name) if (play.track_id, play.played_at) not in stored]
        unexplained = [play for play in missing if not any(after < play.played_at < before for after, before in gaps)]
        assert unexplained == [], f"{name}: plays are lost, and nobody knows"
        lost += len(missing)
        polled[name] = stored
    assert late > DAYS / 2
    assert lost < sum(map(len, polled.values())) / 5, "so many plays are lost that this test says little"
    return polled


def true_plays(stage: Stage, name: str) -> list[TruePlay]:
    """Everything that Spotify ever shows of a listener, and the fifty plays before."""
    plays = stage.simulator.spotify.listening.plays(name, STARTS - timedelta(days=200), stage.now)
    return [play for play in plays if play.ms_played >= 30_000 and play.track_id is not None]


def shown_in_time(stage: Stage, name: str) -> list[TruePlay]:
    """The plays that the window showed from their end on, until it was last told."""
    last = max(when for when, user, error in stage.polls if user == name and error is None)
    return [
        play
        for play in true_plays(stage, name)
        if STARTS <= play.played_at <= last and play.visible_from == play.played_at
    ]


def assert_events_and_statistics_are_exact(
    stage: Stage, polled: dict[str, dict[tuple[str, datetime], int]], imported: list[Play]
) -> None:
    conn = stage.hands.conn
    assert conn.execute("SELECT * FROM invalidated_user_months").fetchall() == []
    assert [str(violation) for violation in invariants.check(conn)] == []
    track_of = track_ids(conn)
    for name, user_id in stage.user_ids.items():
        lengths = Counter[tuple[int, datetime]]()
        before: datetime | None = None
        for (spotify_id, played_at), duration_ms in sorted(polled[name].items(), key=lambda play: play[0][1]):
            longest = duration_ms if before is None else max((played_at - before) // MILLISECOND, SHOWN_FROM_MS)
            lengths[track_of[spotify_id], played_at] = min(duration_ms, longest)
            before = played_at
        for play in imported if name == "ada" else ():
            lengths[track_of[str(play.track.spotify_id)], play.played_at] = play.ms_played or 0
        events = conn.execute(
            "SELECT track_id, played_at, ms_played FROM listening_events WHERE user_id = %s", [user_id]
        ).fetchall()
        assert sorted(events) == sorted((*one, length) for one, length in lengths.items())
        totals = conn.execute("SELECT total_play_count, total_listening_ms FROM users WHERE id = %s", [user_id])
        assert totals.fetchall() == [(len(lengths), lengths.total())]
        tracks = conn.execute("SELECT track_id, play_count FROM user_track_stats WHERE user_id = %s", [user_id])
        assert dict(tracks.fetchall()) == Counter(track_id for track_id, _ in lengths)
        days = conn.execute(
            "SELECT bucket_date, play_count FROM user_time_bucket_stats WHERE user_id = %s AND bucket_type = 'DAY'",
            [user_id],
        )
        zone = ZoneInfo(ZONES[name])
        assert dict(days.fetchall()) == Counter[date](played_at.astimezone(zone).date() for _, played_at in lengths)


def track_ids(conn: Connection) -> dict[str, int]:
    """Catalog keys by Spotify id; of relinked tracks, by all of their ids."""
    return dict(
        conn.execute(
            "SELECT spotify_id, id FROM tracks WHERE merged_into IS NULL AND spotify_id IS NOT NULL"
            " UNION ALL SELECT spotify_id, track_id FROM track_aliases"
        ).fetchall()
    )


def assert_top_lists_are_whole(stage: Stage) -> None:
    """Those of one moment, all six of them; of two ids of one track only the better rank is shown."""
    conn, listening = stage.hands.conn, stage.simulator.spotify.listening
    assert top_list_history.due_users(conn, stage.now - timedelta(days=1)) == []
    tracks = track_ids(conn)
    artists: dict[str, int] = dict(conn.execute("SELECT spotify_id, id FROM artists").fetchall())
    for name, user_id in stage.user_ids.items():
        [(refreshed_at,)] = conn.execute("SELECT top_stats_refreshed_at FROM users WHERE id = %s", [user_id])
        for term in ("short_term", "medium_term", "long_term"):
            expected = dict[int, int]()
            for rank, spotify_id in enumerate(listening.top_tracks(name, term, refreshed_at)[:50], start=1):
                expected.setdefault(tracks[spotify_id], rank)
            assert shown(conn, "track", user_id, term) == expected
            ranked = enumerate(listening.top_artists(name, term, refreshed_at)[:50], start=1)
            assert shown(conn, "artist", user_id, term) == {artists[spotify_id]: rank for rank, spotify_id in ranked}


def shown(conn: Connection, kind: str, user_id: int, term: str) -> dict[int, int]:
    """Ranks by catalog key."""
    query = sql.SQL("SELECT {}, rank FROM {} WHERE user_id = %s AND term = %s").format(
        sql.Identifier(f"{kind}_id"), sql.Identifier(f"spotify_top_{kind}s")
    )
    return dict(conn.execute(query, [user_id, term.upper()]).fetchall())


def assert_metadata_came_once(stage: Stage) -> None:
    """Nothing is missing, and what was told was not asked for again, unless the one who was told it was killed then."""
    conn = stage.hands.conn
    assert wanted(conn, stage.now, 10) == []
    artists = conn.execute(
        "SELECT artists.name FROM artists"
        " LEFT JOIN spotify_objects AS o ON o.object_type = 'artist' AND o.spotify_id = artists.spotify_id"
        " LEFT JOIN metadata_refresh_log AS log ON log.entity_type = 'artist' AND log.entity_id = artists.id"
        " WHERE (o.is_full OR o.is_gone OR log.not_found > 0) IS NOT TRUE"
    )
    assert artists.fetchall() == []
    answers, unknown = defaultdict[str, list[datetime]](list), defaultdict[str, list[datetime]](list)
    for one in stage.simulator.spotify.log.find():
        if one.group in ("tracks", "artists", "albums") and one.fault is None and one.status in (200, 400, 404):
            (answers if one.status == 200 else unknown)[f"{one.path}?{one.query}"].append(one.at)
    assert {path.split("/")[2] for path in answers} == {"tracks", "artists", "albums"}
    again = {path: times for path, times in answers.items() if not set(times[:-1]) <= set(stage.interrupted)}
    # After several unknown ids in a row one that is known is asked for.
    assert len(again) <= sum(map(len, unknown.values())) // NOT_FOUND_IN_A_ROW, again
    for path, times in unknown.items():
        counted = [time for time in times if time not in stage.interrupted]
        assert len(counted) <= GONE_AFTER, path
        assert all(later - earlier >= NOT_FOUND_PAUSE for earlier, later in pairwise(counted)), path


def assert_no_quota_was_exceeded(stage: Stage) -> None:
    """In no 24 hours. The polls that go on while Redis is away come on top: nobody counts them."""
    calls = defaultdict[str, list[datetime]](list)
    for one in stage.simulator.spotify.log.find("/v1/"):
        if (one.at - STARTS) // TICK - 1 not in REDIS_AWAY:
            calls[one.group].append(one.at)
    for group, times in calls.items():
        for first, over in zip(times, times[CALLS_A_DAY:], strict=False):
            assert over - first >= timedelta(days=1), f"{group}: more than {CALLS_A_DAY} calls from {first} on"


def assert_no_token_in_plain_text(stage: Stage, places: dict[str, bytes]) -> None:
    """Neither in what other servers and Dagster kept and logged nor in any file, table or key of Redis."""
    beginnings = {token[:62].encode() for token in stage.simulator.spotify.accounts.all_tokens()}
    assert len(beginnings) > 6 * DAYS
    assert all(TOKEN_BEGINS.match(beginning) for beginning in beginnings)
    places |= {"Redis": redis_contents(stage)}
    places |= {path.name: path.read_bytes() for path in stage.folder.rglob("*") if path.is_file()}
    places |= {f"table {table}": rows for table, rows in tables(stage.hands.conn).items()}
    least = {"Dagster": 10_000, "Redis": 1_000, "worker-1.log": 1_000, "table spotify_auth": 1_000}
    assert {place: len(places[place]) for place, size in least.items() if len(places[place]) < size} == {}
    assert {place for place, content in places.items() if holds(content, beginnings)} == set()


def holds(content: bytes, beginnings: set[bytes]) -> bool:
    """Whether a token is anywhere in there."""
    return any(found[1] in beginnings for found in TOKEN_BEGINS.finditer(content))


def tables(conn: Connection) -> dict[str, bytes]:
    """Every column of every row of every table, as text."""
    names = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {
        name: "\n".join(
            str(row) for (row,) in conn.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name)))
        ).encode()
        for (name,) in names
    }


def redis_contents(stage: Stage) -> bytes:
    """Every key and what it holds; what they held earlier is in the server's files."""
    commands = {b"string": "get", b"list": "lrange", b"hash": "hgetall", b"zset": "zrange", b"set": "smembers"}
    found = []
    for key in stage.redis_client.scan_iter():
        kind = stage.redis_client.type(key)
        assert isinstance(kind, bytes)
        command = commands[kind]
        ends = (0, -1) if command in ("lrange", "zrange") else ()
        found.append(repr((key, getattr(stage.redis_client, command)(key, *ends))))
    return "\n".join(found).encode()
