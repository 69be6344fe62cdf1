"""The process that the crash test kills: `python -m myi_pipelines_tests.support.killable_import URL TAG [DOING]`.

It imports an upload. DOING is `halt` for an import that stops half way, or `backfill` for deriving every month again.

It does what a run of the assets does, on connections that a test can tell by their name. The history is always the
same but for the tag in its names, so that every victim has tracks and artists of its own.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from myi_pipelines.sources.exports import Batch, Play, Track
from myi_pipelines.warehouse.database import connections
from myi_pipelines.warehouse.landing import Landed
from myi_pipelines.warehouse.user_months import Stage, invalidate
from myi_pipelines_tests.support.reference import Landing, Polled, minute
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, OFFLINE, Listener
from myi_pipelines_tests.support.warehouse_harness import Warehouse, batches, open_warehouse

APPLICATION = "myi crash test"
TIMEZONE = "Pacific/Apia"
MONTHS = 10
BATCH_ROWS = 100


@cache
def listener(tag: str) -> Listener:
    """An earlier export, the upload of which the victim dies, and what was polled meanwhile."""
    chance = random.Random(2011)
    began = datetime(2011, 6, 20, tzinfo=UTC)
    extended = []
    for _ in range(1_500):
        number = min(int(chance.expovariate(0.08)), 60)
        track = Track(f"{number:022}", f"Song {number}", f"Artist {number % 17}", f"Album {number % 23}")
        ended = began + timedelta(seconds=chance.randrange(MONTHS * 30 * 86_400))
        late = timedelta(hours=chance.randrange(1, 100)) if chance.random() < 0.03 else timedelta(0)
        context = OFFLINE if late else CONTEXT
        extended.append(Play(track, context, ended + late, ended, chance.randrange(0, 300_000)))
    account = [account_play(play) for play in chance.sample(extended, 150)]
    polled = [polled_row(play, chance) for play in chance.sample(extended, 80)]
    earlier = sorted(extended, key=lambda play: play.stopped_at)[:900]
    return Listener(TIMEZONE, (tuple(earlier), (*extended[200:], *account)), tuple(polled)).renamed(tag)


def account_play(play: Play) -> Play:
    told = minute(play.stopped_at)
    return Play(Track(None, play.track.name, play.track.artist, None), ACCOUNT, told, told, play.ms_played)


def polled_row(play: Play, chance: random.Random) -> Polled:
    assert play.track.spotify_id is not None
    off = timedelta(milliseconds=chance.randint(-4_000, 4_000))
    return Polled(play.track.spotify_id, play.played_at + off, 200_000)


def prepare(warehouse: Warehouse, tag: str) -> int:
    """What the victim finds: the earlier export and the polled rows, settled."""
    user_id = warehouse.user(tag, TIMEZONE)
    warehouse.land(user_id, listener(tag).files[0], batch_rows=BATCH_ROWS)
    warehouse.poll(user_id, listener(tag).polled)
    warehouse.settle([user_id])
    return user_id


def import_upload(warehouse: Warehouse, tag: str) -> Landed:
    user_id = warehouse.user(tag, TIMEZONE)
    landed = warehouse.land(user_id, listener(tag).files[1], batch_rows=BATCH_ROWS)
    warehouse.settle([user_id])
    return landed


def fill(url: str, *tags: str) -> None:
    """Settle the histories of listeners in an empty warehouse: a template for tests that begin with them."""
    with open_warehouse(url) as warehouse:
        for tag in tags:
            prepare(warehouse, tag)
            import_upload(warehouse, tag)


def backfill(warehouse: Warehouse, tag: str) -> None:
    """Every month of the listener from landing again, marked first."""
    user_id = warehouse.user(tag, TIMEZONE)
    slices = warehouse.user_months_of(user_id)
    with warehouse.conn.transaction():
        invalidate(warehouse.conn, slices, Stage.EVENTS)
    warehouse.conform(slices)
    warehouse.refresh(user_id, [one.month for one in slices])


def landing(tag: str) -> Landing:
    return listener(tag).landing


def halting(plays: Sequence[Play]) -> Iterator[Batch]:
    """Batches that stop coming half way."""
    for batch in batches(plays, BATCH_ROWS):
        if batch.bytes_read > len(plays) // 2:
            print("half way", flush=True)
            time.sleep(600)
        yield batch


def main(url: str, tag: str, doing: str = "import") -> None:
    with (
        connections.connect(url, application_name=APPLICATION) as conn,
        connections.connect(url, application_name=APPLICATION) as status_conn,
    ):
        print("ready", flush=True)
        warehouse = Warehouse(conn, status_conn)
        if doing == "backfill":
            backfill(warehouse, tag)
            return
        if doing == "halt":
            plays = listener(tag).files[1]
            warehouse.land(warehouse.user(tag, TIMEZONE), plays, source=halting(plays))
        import_upload(warehouse, tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
