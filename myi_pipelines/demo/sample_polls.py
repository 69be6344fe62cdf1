"""Lands what polling would have brought of the sample's last weeks: plays, and the payloads of their tracks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from myi_pipelines.simulator.availability import Availability
from myi_pipelines.simulator.payloads import Shapes
from myi_pipelines.simulator.sample.made_up_polls import ShownPlay
from myi_pipelines.simulator.world import World
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.landing import PolledPlay, land_polled_plays
from myi_pipelines.warehouse.partitions import ensure_months, month_of
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def land_sample_polls(conn: Connection, user_id: int, shown: Sequence[ShownPlay], world: World, *, api_url: str) -> int:
    """Land shown plays as polls do; return how many are new. ``world`` has the music of the sample, and the simulated
    Spotify at ``api_url`` has the pictures."""
    available, shapes = Availability(world), Shapes(world, api_url, is_extended=False)
    tracks = {row.track_id: available.track(row.track_id).track for row in shown}
    plays = [
        PolledPlay(EPOCH + timedelta(milliseconds=row.shown_ms), row.track_id, tracks[row.track_id].duration_ms)
        for row in shown
    ]
    ensure_months(conn, {month_of(play.played_at) for play in plays})  # Before the user's lock is taken.
    with conn.transaction():
        added = land_polled_plays(conn, user_id, plays)
        land_objects(
            conn, [SpotifyObject("track", id_, shapes.track(track, id_)) for id_, track in sorted(tracks.items())]
        )
    return added
