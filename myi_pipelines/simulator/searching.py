"""What a search finds in the simulated catalog. `web_api` handles parameters and pages."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from typing import NamedTuple

from myi_pipelines.simulator.world import Track, World

_FIELD = re.compile(r'\b(track|artist|album|isrc):(?:"([^"]*)"|(\S+))')
_WORD = re.compile(r"\w+")
ANYWHERE = "anywhere"


class _Indexed(NamedTuple):
    track: Track
    title: str
    words: dict[str, frozenset[str]]  # by field


def find_tracks(world: World, query: str, gone: Container[str]) -> list[Track]:
    """Tracks that match all fields of the query, or if there are none, tracks that match one of the fields: the real
    search does the same. Exact titles come first, then the more popular tracks."""
    wanted = [(field, (quoted or bare).casefold()) for field, quoted, bare in _FIELD.findall(query)]
    if free := _FIELD.sub(" ", query).casefold().strip():
        wanted.append((ANYWHERE, free))
    asked = [(field, _words(text)) for field, text in wanted]
    available = [one for one in _index(world) if one.track.id not in gone]
    found = [one for one in available if all(words <= one.words[field] for field, words in asked)]
    if not found:
        found = [one for one in available if any(words and words <= one.words[field] for field, words in asked)]
    title = next((text for field, text in wanted if field in ("track", ANYWHERE)), "")
    return [
        one.track for one in sorted(found, key=lambda one: (one.title != title, -one.track.popularity, one.track.id))
    ]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


@lru_cache(maxsize=4)
def _index(world: World) -> tuple[_Indexed, ...]:
    return tuple(_indexed(world, track) for track in world.tracks.values())


def _indexed(world: World, track: Track) -> _Indexed:
    words = {
        "track": _words(track.name),
        "artist": _words(" ".join(world.artists[id_].name for id_ in track.artist_ids)),
        "album": _words(world.albums[track.album_id].name),
        "isrc": _words(track.isrc),
    }
    words[ANYWHERE] = words["track"] | words["artist"] | words["album"]
    return _Indexed(track, track.name.casefold(), words)
