"""What an id leads to now: relinked tracks, and objects that were taken down. `world` has the music itself."""

from __future__ import annotations

from typing import NamedTuple

from myi_pipelines.simulator.world import Album, Artist, Track, World


class UnknownId(Exception):
    """There is no such object. A single call answers with ``status``; a batch has null in its place."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Found(NamedTuple):
    """A track and the id that the API gives it in the answer."""

    track: Track
    shown_id: str


class Availability:
    def __init__(self, world: World) -> None:
        self.world = world
        self.relinked = dict(world.aliases)
        self.gone: dict[str, int] = {}

    def relink(self, asked_id: str, returned_id: str) -> None:
        self.relinked[asked_id] = returned_id

    def make_gone(self, spotify_id: str, status: int) -> None:
        self.gone[spotify_id] = status

    def restore(self, spotify_id: str) -> None:
        self.gone.pop(spotify_id, None)

    def track(self, asked_id: str) -> Found:
        """Raises UnknownId."""
        self._check(asked_id)
        shown = self.relinked.get(asked_id, asked_id)
        track = self.played(shown) or self.played(asked_id)
        if track is None:
            raise UnknownId(404)
        return Found(track, shown)

    def played(self, track_id: str) -> Track | None:
        """The track that was played as ``track_id``, also if the id was relinked or taken down later."""
        tracks = self.world.tracks
        if found := tracks.get(track_id) or tracks.get(self.world.aliases.get(track_id, "")):
            return found
        return next(
            (tracks[asked] for asked, shown in self.relinked.items() if shown == track_id and asked in tracks), None
        )

    def artist(self, spotify_id: str) -> Artist:
        """Raises UnknownId."""
        self._check(spotify_id)
        if spotify_id not in self.world.artists:
            raise UnknownId(404)
        return self.world.artists[spotify_id]

    def album(self, spotify_id: str) -> Album:
        """Raises UnknownId."""
        self._check(spotify_id)
        if spotify_id not in self.world.albums:
            raise UnknownId(404)
        return self.world.albums[spotify_id]

    def _check(self, spotify_id: str) -> None:
        if spotify_id in self.gone:
            raise UnknownId(self.gone[spotify_id])
        if len(spotify_id) != 22 or not (spotify_id.isascii() and spotify_id.isalnum()):
            raise UnknownId(400)
