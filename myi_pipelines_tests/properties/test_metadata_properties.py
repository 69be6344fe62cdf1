"""For any payloads of tracks, albums and artists in any order, and for any recordings that MusicBrainz has: catalog,
events and statistics equal the reference.

The examples are the same on every run. MYI_HYPOTHESIS_EXAMPLES searches among new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count, product
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.catalog import differences
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.musicbrainz import land_artist, land_search
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines.warehouse.spotify_payloads import land_search as land_track_search
from myi_pipelines_tests.properties.test_listening_properties import bounded
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Correction, Landing, Metadata, Recording, Reply, Tables
from myi_pipelines_tests.support.strategies import (
    Listener,
    households,
    narrow_scenes,
    renamed_artist,
    renamed_id,
    spotify_id,
)
from myi_pipelines_tests.support.warehouse_harness import Warehouse

TRACK_IDS = tuple(spotify_id(letter) for letter in "abcd")
ARTISTS = tuple(
    {"id": spotify_id(letter), "name": name}
    for letter, name in zip("pqrs", ("Artist", "ARTIST", "artist", "Various Artists"), strict=True)
)
"""Three of them have the same name key."""
SONG_NAMES = ("Song", "Song - Remastered", "A Dance", "Études")
ALBUM_NAMES = {spotify_id("v"): "Album", spotify_id("w"): "ALBUM", spotify_id("x"): "Best Of"}


# ── Replies ──────────────────────────────────────────────────────────────────────────────────────────────────────────

some_artists = st.lists(st.sampled_from(ARTISTS), min_size=1, max_size=3)


@st.composite
def simple_tracks(draw: st.DrawFn, returned_id: str) -> dict[str, Any]:
    return {
        "id": returned_id,
        "name": draw(st.sampled_from(SONG_NAMES)),
        "artists": draw(some_artists),
        "duration_ms": draw(st.sampled_from((180_000, 200_000, None))),
        "preview_url": None,
    }


@st.composite
def simple_albums(draw: st.DrawFn) -> dict[str, Any]:
    album_id = draw(st.sampled_from(sorted(ALBUM_NAMES)))
    return {"id": album_id, "name": ALBUM_NAMES[album_id], "artists": draw(some_artists)[:1], "images": [{"url": "u"}]}


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A full track (sometimes another than the requested one), album or artist, a gone track, or only a mention."""
    kind = draw(
        st.sampled_from(("track", "track", "mention", "relinked", "relinked", "album", "artist", "artist", "gone"))
    )
    requested = draw(st.sampled_from(TRACK_IDS))
    if kind == "gone":
        return Reply("track", requested, None)
    if kind == "artist":
        artist = draw(st.sampled_from(ARTISTS))
        name = draw(st.sampled_from((artist["name"], artist["name"], "Artist", "Renamed")))
        return Reply("artist", artist["id"], {**artist, "name": name, "images": [{"url": "u"}], "genres": ["pop"]})
    if kind == "album":
        tracks = [
            draw(simple_tracks(one)) for one in draw(st.lists(st.sampled_from(TRACK_IDS), max_size=3, unique=True))
        ]
        album = draw(simple_albums())
        return Reply("album", album["id"], {**album, "tracks": {"items": tracks}})
    track = draw(simple_tracks(draw(st.sampled_from(TRACK_IDS)) if kind == "relinked" else requested))
    if kind != "mention":
        track |= {"album": draw(simple_albums()), "external_ids": {"isrc": draw(st.sampled_from(("ISRC1", "ISRC2")))}}
    return Reply("track", requested, track)


searches = st.tuples(
    st.sampled_from(("Song", "Song - Remastered", "A Dance")),
    st.sampled_from(("Artist", "Artist", "Various Artists")),
    st.sampled_from(TRACK_IDS),
)


class Recorded(NamedTuple):
    """What MusicBrainz tells of an artist who was looked for by an id or a name. None: it was not found."""

    artist_id: str | None
    recordings: tuple[Recording, ...] | None


recorded = st.builds(
    Recorded,
    st.sampled_from((None, None, *(str(artist["id"]) for artist in ARTISTS[:3]))),
    st.none()
    | st.lists(
        st.builds(
            Recording,
            st.sampled_from(("Song", "song", "Song (Live)", "A Dance")),
            st.sampled_from((None, None, "2011 remaster", "live")),
            st.sampled_from((4_999, 180_000, 185_000, 190_000, 190_001)),
        ),
        max_size=4,
    ).map(tuple),
)

Step: TypeAlias = tuple[str, int] | tuple[str, str, str] | Reply | Recorded


@st.composite
def stories(draw: st.DrawFn, household: Sequence[Listener]) -> list[Step]:
    """Uploads, polls and replies in any order, with synchronizations and derivations between them."""
    arrivals: list[Step] = [*draw(st.lists(replies() | searches | recorded, min_size=2, max_size=9))]
    for index, listener in enumerate(household):
        arrivals += [(f"file {file}", index) for file in range(len(listener.files))]
        arrivals.append(("poll", index))
    steps: list[Step] = []
    for arrival in draw(st.permutations(arrivals)):
        steps += [arrival, *draw(st.sampled_from(([], [("sync", 0)], [("settle", 0)], [("settle", 0)])))]
    return steps


def tagged(value: Any, tag: str) -> Any:
    """Make ids and names unique to one example, like ``Listener.renamed``. Albums keep their names."""
    if isinstance(value, Mapping):
        is_album = value.get("id", "")[-1:] in "vwx" and "name" in value
        return {
            field: one
            if field in ("url", "genres")
            else f"{one}-{tag}"
            if field == "isrc"
            else f"{tag} {one}"
            if field == "name" and not is_album
            else renamed_id(one, tag)
            if field == "id"
            else tagged(one, tag)
            for field, one in value.items()
        }
    return [tagged(one, tag) for one in value] if isinstance(value, list) else value


class Home:
    """The users of one example and the payloads so far, in the same warehouse as those of earlier examples."""

    tags = count(1)

    def __init__(self, warehouse: Warehouse, household: Sequence[Listener]) -> None:
        self.warehouse = warehouse
        self.tag = f"m{next(self.tags)}"
        self.listeners = [listener.renamed(self.tag) for listener in household]
        self.names = [f"listener-{self.tag}-{index}" for index in range(len(household))]
        self.ids = [warehouse.user(name, one.timezone) for name, one in zip(self.names, household, strict=True)]
        self.arrived = [Landing(one.timezone, [], []) for one in household]
        self.replies: list[Reply] = []
        self.searches: dict[tuple[str, str], str] = {}
        self.recordings: dict[str, Sequence[Recording]] = {}
        self.corrections: list[list[Correction]] = [[] for _ in household]
        """What each listener corrected and did not take back."""

    def take(self, step: Step) -> None:
        match step:
            case Reply(object_type, asked_id, payload):
                reply = Reply(object_type, renamed_id(asked_id, self.tag), tagged(payload, self.tag))
                land_objects(self.warehouse.conn, [SpotifyObject(*reply)])  # type: ignore[arg-type]
                self.replies.append(reply)
            case Recorded(artist_id, recordings):
                self.record(artist_id, recordings)
            case (str(name), artist, found):
                self.search((name, artist), found)
            case ("sync", _):
                self.warehouse.sync()
            case ("settle", _):
                self.warehouse.settle(self.ids)
            case ("poll", index):
                rows = self.listeners[index].polled
                self.warehouse.poll(self.ids[index], rows)
                self.arrived[index] = self.arrived[index]._replace(polled=[*self.arrived[index].polled, *rows])
            case (file, index):
                plays = self.listeners[index].files[int(file.removeprefix("file "))]
                self.warehouse.land(self.ids[index], plays)
                self.arrived[index] = self.arrived[index]._replace(plays=[*self.arrived[index].plays, *plays])
        self.check_invariants()

    def record(self, artist_id: str | None, recordings: Sequence[Recording] | None) -> None:
        """Land what MusicBrainz tells of an artist who was looked for by id, or by name."""
        conn, now, name = self.warehouse.conn, datetime.now(UTC), renamed_artist("Artist", self.tag)
        if artist_id is not None:
            searched = known = renamed_id(artist_id, self.tag)
        else:
            searched = conn.execute("SELECT name_key(%s)::text", [name]).fetchall()[0][0]
            known = reference.key(name)
        mbid = uuid5(UUID(int=0), searched)
        land_search(conn, searched, None if recordings is None else mbid, now)
        renamed = [one._replace(title=f"{self.tag} {one.title}") for one in recordings or ()]
        if recordings is not None:
            land_artist(conn, mbid, {"genres": [], "recordings": [one._asdict() for one in renamed]}, now)
        self.recordings[known] = renamed

    def search(self, names: tuple[str, str], track_id: str) -> None:
        """Land a search that found a track for names of account data. The track may have other names."""
        name, artist, found = (
            f"{self.tag} {names[0]}",
            renamed_artist(names[1], self.tag),
            renamed_id(track_id, self.tag),
        )
        [keys] = self.warehouse.conn.execute("SELECT name_key(%s), name_key(%s)", [name, artist]).fetchall()
        album = {"id": renamed_id(spotify_id("v"), self.tag), "name": "Album"}
        payload = {"id": found, "name": name, "artists": tagged([ARTISTS[0]], self.tag), "album": album}
        land_track_search(self.warehouse.conn, keys, SpotifyObject("track", found, payload), datetime.now(UTC))
        self.searches.setdefault((reference.key(name), reference.key(artist)), found)
        self.replies.append(Reply("track", found, payload))

    @property
    def metadata(self) -> Metadata:
        return reference.metadata_of(self.replies, self.searches, self.recordings)

    def check_invariants(self) -> None:
        assert [str(violation) for violation in invariants.check(self.warehouse.conn, self.ids)] == []
        for name, user_id in product(("verify/artists", "verify/albums"), self.ids):
            assert self.warehouse.conn.execute(statement(name), {"user_id": user_id}).fetchall() == [], name

    def settle(self) -> None:
        self.warehouse.settle(self.ids)
        self.warehouse.sync()
        self.check_invariants()

    def assert_as_the_reference_says(self) -> None:
        expected = reference.derive(
            dict(zip(self.names, self.arrived, strict=True)),
            metadata=self.metadata,
            corrections=dict(zip(self.names, self.corrections, strict=True)),
        )
        for name, user_id in zip(self.names, self.ids, strict=True):
            found = self.warehouse.tables(user_id)
            for table in Tables._fields:
                assert getattr(found, table) == getattr(expected[name], table), f"{table} of {name}"
        metadata = self.metadata
        landed = [one.relinked(metadata.aliases) for one in self.arrived]
        catalog = reference.catalog_of((play for one in landed for play in one.plays), metadata)
        tracks = {*catalog.tracks, *(row.spotify_id for one in landed for row in one.polled)}
        tracks |= {metadata.aliases.get(one, one) for kind, one in metadata.full if kind == "track"}
        shown = self.warehouse.shown_names()
        assert {track: shown[track] for track in tracks} == {track: catalog.shown(track) for track in tracks}


households_and_stories = households(narrow_scenes()) | households()


@pytest.mark.long
@bounded(6)
@given(drawn=households_and_stories.flatmap(lambda household: st.tuples(st.just(household), stories(household))))
def test_the_catalog_events_and_statistics_equal_the_reference(
    warehouse: Warehouse, drawn: tuple[tuple[Listener, ...], list[Step]]
) -> None:
    household, story = drawn
    home = Home(warehouse, household)
    for step in story:
        home.take(step)
    home.settle()
    home.assert_as_the_reference_says()
    assert differences(warehouse.conn) == [], "taking in everything again changes something"
    assert warehouse.conn.execute("SELECT count(*) FROM tracks WHERE merged_into IS NOT NULL").fetchone() == (0,)
