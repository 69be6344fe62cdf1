"""The Web API's objects, field by field, in Development Mode and in extended mode. `web_api` has the routes."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple, TypeAlias

from myi_pipelines.simulator.clock import iso_ms
from myi_pipelines.simulator.listening import Play
from myi_pipelines.simulator.simulated_users import SimulatedUser
from myi_pipelines.simulator.world import Album, Artist, Track, World

Payload: TypeAlias = dict[str, Any]

MARKETS = ["AU", "BR", "CA", "DE", "GB", "HU", "IE", "IN", "JP", "NG", "NP", "NZ", "PT", "US", "WS"]
ALBUM_PAGE = 50
ALBUM_IMAGES = {640: "ab67616d0000b273", 300: "ab67616d00001e02", 64: "ab67616d00004851"}
ARTIST_IMAGES = {640: "ab6761610000e5eb", 320: "ab67616100005174", 160: "ab6761610000f178"}


class Shapes(NamedTuple):
    """``base_url`` starts the links in the payloads; ``is_extended`` adds the fields that Development Mode lacks."""

    world: World
    base_url: str
    is_extended: bool

    def _reference(self, kind: str, id_: str) -> Payload:
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{id_}"},
            "href": f"{self.base_url}/v1/{kind}s/{id_}",
            "id": id_,
            "type": kind,
            "uri": f"spotify:{kind}:{id_}",
        }

    def simple_artist(self, artist: Artist) -> Payload:
        return {**self._reference("artist", artist.id), "name": artist.name}

    def artist(self, artist: Artist) -> Payload:
        payload = {**self.simple_artist(artist), "images": self._images(artist.id, ARTIST_IMAGES)}
        if self.is_extended:
            payload["genres"] = list(artist.genres)
            payload["followers"] = {"href": None, "total": artist.popularity * 1234}
            payload["popularity"] = artist.popularity
        return payload

    def _images(self, id_: str, sizes: dict[int, str]) -> list[Payload]:
        """The sizes of a picture, the largest first. The simulator draws them: see `pictures`."""
        digest = hashlib.sha256(id_.encode()).hexdigest()[:24]
        return [
            {"url": f"{self.base_url}/image/{code}{digest}", "height": pixels, "width": pixels}
            for pixels, code in sizes.items()
        ]

    def _artists(self, ids: tuple[str, ...]) -> list[Payload]:
        return [self.simple_artist(self.world.artists[id_]) for id_ in ids]

    def simple_album(self, album: Album) -> Payload:
        payload = {
            "album_type": album.kind,
            "total_tracks": len(album.track_ids),
            **self._reference("album", album.id),
            "images": self._images(album.id, ALBUM_IMAGES),
            "name": album.name,
            "release_date": album.release_date,
            "release_date_precision": album.precision,
            "artists": self._artists(album.artist_ids),
        }
        if self.is_extended:
            payload["available_markets"] = MARKETS
        return payload

    def album(self, album: Album) -> Payload:
        payload = {
            **self.simple_album(album),
            "tracks": self.album_tracks(album, ALBUM_PAGE, 0),
            "copyrights": [{"text": f"{album.release_date[:4]} {album.label}", "type": "C"}],
            "external_ids": {"upc": album.upc},
            "genres": [],
        }
        if self.is_extended:
            payload |= {"label": album.label, "popularity": 40}
        return payload

    def album_tracks(self, album: Album, limit: int, offset: int) -> Payload:
        tracks = [self.world.tracks[id_] for id_ in album.track_ids[offset : offset + limit]]
        url = f"{self.base_url}/v1/albums/{album.id}/tracks"
        return self.page(url, "", [self.simple_track(track) for track in tracks], len(album.track_ids), limit, offset)

    def simple_track(self, track: Track, shown_id: str | None = None) -> Payload:
        payload = {
            "artists": self._artists(track.artist_ids),
            "disc_number": track.disc,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            **self._reference("track", shown_id or track.id),
            "is_local": False,
            "is_playable": True,
            "name": track.name,
            "preview_url": track.preview if self.is_extended else None,
            "track_number": track.number,
        }
        if self.is_extended:
            payload["available_markets"] = MARKETS
        return payload

    def track(self, track: Track, shown_id: str | None = None, asked_id: str | None = None) -> Payload:
        """A full track. A relinked track has ``shown_id`` in place of its own id."""
        shown_id = shown_id or track.id
        payload = {
            "album": self.simple_album(self.world.albums[track.album_id]),
            **self.simple_track(track, shown_id),
            "external_ids": {"isrc": track.isrc},
        }
        if self.is_extended:
            payload["popularity"] = track.popularity
            if asked_id not in (None, shown_id):
                payload["linked_from"] = self._reference("track", str(asked_id))
        return payload

    def local_track(self, duration_ms: int) -> Payload:
        """A file of the user, which has no Spotify ids."""
        payload = {
            "album": {
                "album_type": None, "artists": [], "external_urls": {}, "href": None, "id": None, "images": [],
                "name": "Tapes", "release_date": None, "release_date_precision": None, "type": "album", "uri": None,
            },
            "artists": [{"external_urls": {}, "href": None, "id": None, "name": "me", "type": "artist", "uri": None}],
            "disc_number": 0, "duration_ms": duration_ms, "explicit": False, "external_ids": {}, "external_urls": {},
            "href": None, "id": None, "is_local": True, "name": "demo 4", "preview_url": None, "track_number": 0,
            "type": "track", "uri": f"spotify:local:me:Tapes:demo+4:{duration_ms // 1000}",
        }  # fmt: skip
        if self.is_extended:
            payload |= {"available_markets": [], "popularity": 0}
        return payload

    def played(self, play: Play, track: Track | None) -> Payload:
        """One item of recently-played."""
        context: Payload | None = None
        if track is not None and play.from_album:
            album = self._reference("album", track.album_id)
            context = {key: album[key] for key in ("type", "href", "external_urls", "uri")}
        full = self.local_track(play.duration_ms) if track is None else self.track(track, play.track_id)
        return {"track": full, "played_at": iso_ms(play.played_at), "context": context}

    def user(self, user: SimulatedUser, scopes: frozenset[str]) -> Payload:
        payload: Payload = {
            "display_name": user.display_name,
            "external_urls": {"spotify": f"https://open.spotify.com/user/{user.spotify_id}"},
            "href": f"{self.base_url}/v1/users/{user.spotify_id}",
            "id": user.spotify_id,
            "account_id": user.account_id,
            "images": [],
            "type": "user",
            "uri": f"spotify:user:{user.spotify_id}",
        }
        if self.is_extended:
            payload["followers"] = {"href": None, "total": 3}
            if "user-read-private" in scopes:
                payload |= {"country": user.country, "product": "premium"}
                payload["explicit_content"] = {"filter_enabled": False, "filter_locked": False}
            if "user-read-email" in scopes:
                payload["email"] = f"{user.name}@listeners.example"
        return payload

    def page(self, url: str, query: str, items: list[Payload], total: int, limit: int, offset: int) -> Payload:
        """A page by offset. Its links repeat ``query``."""

        def link(start: int) -> str:
            return f"{url}?{query}offset={start}&limit={limit}"

        return {
            "href": link(offset),
            "items": items,
            "limit": limit,
            "next": link(offset + limit) if offset + limit < total else None,
            "offset": offset,
            "previous": link(max(0, offset - limit)) if offset else None,
            "total": total,
        }
