"""What Spotify's recently-played list showed of a made-up history, as a warehouse that polled would have it.

Most plays are shown by their end, on some devices by their start, a few under the id of another release.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from myi_pipelines.simulator.sample.made_up_music import Catalog, Song
from myi_pipelines.simulator.sample.made_up_plays import Heard

SHOWN_FROM_MS = 30_000
CLOCK_DIFFERENCE_MS = 900
BY_START, UNDER_ANOTHER_ID = 0.25, 0.1


class ShownPlay(NamedTuple):
    """A row of the recently-played list, and the play that it is of."""

    track_id: str
    shown_ms: int  # Unix time
    play: Heard


def show(rng: Random, catalog: Catalog, plays: Sequence[Heard], since: int) -> Iterator[ShownPlay]:
    """What was shown of these plays from a moment on. Skips, private sessions and local files never are.

    Plays that reached Spotify hours late are not shown either: where nothing tells when they were played, nobody could
    say which row of an export they are.
    """
    releases: dict[tuple[str, str], list[Song]] = {}
    for artist in catalog.artists:
        for release in (song for album in artist.albums for song in album.songs):
            releases.setdefault(release.recording, []).append(release)
    for play in plays:
        if not _is_shown(play) or play.logged_at < since or not isinstance(play.thing, Song):
            continue
        track_id = play.track_id or play.thing.spotify_id
        others = [other for other in releases[play.thing.recording] if other.spotify_id != play.thing.spotify_id]
        if others and rng.random() < UNDER_ANOTHER_ID:
            other = rng.choice(others)
            track_id = other.relinked_id or other.spotify_id
        is_start = not play.paused_ms and rng.random() < BY_START
        moment = play.started_ms if is_start else play.ended_ms
        yield ShownPlay(track_id, moment + rng.randrange(-CLOCK_DIFFERENCE_MS, CLOCK_DIFFERENCE_MS), play)


def _is_shown(play: Heard) -> bool:
    is_late = play.logged_at * 1000 - play.ended_ms > 2_000
    return play.ms_played >= SHOWN_FROM_MS and not play.incognito and not is_late
