"""A listener with three exports that overlap, and corrections of it, made or taken back, as chance decides."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from myi_pipelines.operations import correcting
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines.warehouse.import_jobs import list_jobs
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse

TIMEZONE = "America/St_Johns"
BEGAN = datetime(2019, 1, 1, tzinfo=UTC)


def files(seed: int) -> tuple[tuple[Play, ...], ...]:
    """Half a year in three exports that overlap."""
    chance = random.Random(seed)
    plays = []
    for _ in range(600):
        ended = BEGAN + timedelta(seconds=chance.randrange(180 * 86_400))
        number = chance.randrange(40)
        track = Track(f"{number:022}", f"Song {number}", f"Artist {number % 9}", f"Album {number % 11}")
        plays.append(Play(track, CONTEXT, ended, ended, chance.randrange(1_000, 300_000)))
    return tuple(plays[:300]), tuple(plays[200:450]), tuple(plays[400:])


def correct(warehouse: Warehouse, user_id: int, chance: random.Random) -> None:
    """One correction, made or taken back."""
    session, made = warehouse.session(), corrections.list_corrections(warehouse.conn, user_id)
    match chance.choice(("artist", "album", "period", "undo", "back", "back")):
        case "artist":
            correcting.hide(session, user_id, Kind.HIDE_ARTIST, {"artist": f"Artist {chance.randrange(9)}"})
        case "album":
            number = chance.randrange(40)
            album = {"album": f"Album {number % 11}", "artist": f"Artist {number % 9}"}
            correcting.hide(session, user_id, Kind.HIDE_ALBUM, album)
        case "period":
            begins = BEGAN + timedelta(days=chance.randrange(170))
            period = {"from": begins.isoformat(), "until": (begins + timedelta(days=9)).isoformat()}
            correcting.hide(session, user_id, Kind.HIDE_PERIOD, period)
        case "undo":
            if jobs := list_jobs(warehouse.conn):
                correcting.undo_import(session, chance.choice(jobs).id)
        case _ if made:
            correcting.take_back(session, [chance.choice(made).id])
