"""The rules of the warehouse once more, slow and obvious, in plain Python: landed plays in, all events and stats out.

It is written from the design's text and shares nothing with the SQL that it checks; tracks are named by what a listener
knows (a Spotify id, or a pair of name keys), never by a surrogate id. No database, no tests and no generators here.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from myi_pipelines.sources.exports import UNDATED, Context, Kind, Play, Track

NameKeys: TypeAlias = tuple[str, str]  # key(name), key(artist)
TrackKey: TypeAlias = str | NameKeys  # a Spotify id, or for account data the names
ContentKey: TypeAlias = str | tuple[Kind, str | None, str | None, str | None]  # the same of what is not music
EventKey: TypeAlias = tuple[TrackKey, datetime]
AlbumKey: TypeAlias = str | tuple[str, str | None]  # a Spotify id, or key(name) and key(artist)
Bucket: TypeAlias = tuple[str, date]  # DAY, WEEK or MONTH, and its first day
Song: TypeAlias = frozenset[TrackKey]  # the tracks that are the song
SongKey: TypeAlias = tuple[str, ...]  # tracks that share one are one song

MIN_PLAY_MS = 5_000
SKIP_BELOW_MS = 30_000
SHOWN_FROM_MS = 30_000
STREAM_FROM_MS = 30_000
"""From which length on Spotify counts a stream."""
TYPICAL_MS = 210_000
"""How long a play is taken for of which nothing tells the length."""
LENGTHS_AGREE_MS = 5_000
"""How much the lengths of recordings of one title may differ."""
TOLERANCE = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)
TOP_TRACKS = 50

FOLDED_CHARACTERS = {
    **dict.fromkeys("‘’‚‛ʼʹ′", "'"),
    **dict.fromkeys("“”„‟«»", '"'),
    **dict.fromkeys("‐‒–—―−", "-"),
    "[": "(",
    "]": ")",
    "ς": "σ",
}
GUESTS = ("feat.", "feat ", "ft.", "ft ", "featuring ", "with ")
SAME_SONG = {"remaster", "remastered", "mastered", "mono", "stereo", "deluxe", "bonus", "explicit", "clean"}
"""Words for versions that are the same song, and below those that may stand beside them."""
RELEASES = {"single", "album", "lp"}
BESIDE = {
    *("re", "master", "digital", "digitally", "newly", "bit", "version", "edition", "recording", "track", "original"),
    *("expanded", "anniversary", "in", "st", "nd", "rd", "th"),
}


class Polled(NamedTuple):
    """A row of the recently-played list. Its length is the track's, unknown until the track is."""

    spotify_id: str
    played_at: datetime
    duration_ms: int | None


class Landing(NamedTuple):
    """All that the sources ever said about one listener; order and repetition carry no meaning."""

    timezone: str
    plays: Sequence[Play] = ()
    polled: Sequence[Polled] = ()
    hides_incognito: bool = False
    undone: Sequence[Play] = ()
    """What imports tell that are undone. It names tracks, and how plays were heard that others tell, and is no play."""

    def relinked(self, aliases: Mapping[str, str]) -> "Landing":
        """'A track is one row however many Spotify ids were relinked to it': as if it had always had the one."""

        def one(spotify_id: str) -> str:
            return aliases.get(spotify_id, spotify_id)

        def of_one(play: Play) -> Play:
            return play._replace(
                track=play.track._replace(spotify_id=play.track.spotify_id and one(play.track.spotify_id))
            )

        return self._replace(
            plays=[of_one(play) for play in self.plays],
            polled=[row._replace(spotify_id=one(row.spotify_id)) for row in self.polled],
            undone=[of_one(play) for play in self.undone],
        )


class Reply(NamedTuple):
    """What Spotify said when asked for an object; None: it knows the id no more."""

    object_type: str  # track, album or artist
    asked_id: str
    payload: Mapping[str, Any] | None


class Recording(NamedTuple):
    """A recording at MusicBrainz. ``version`` is what tells it from others of its title."""

    title: str
    version: str | None
    length_ms: int


class Metadata(NamedTuple):
    """All that Spotify's replies told, by the id that was asked for: each field as told last."""

    objects: dict[tuple[str, str], dict[str, Any]]
    full: set[tuple[str, str]]
    """What was told as a whole, not only mentioned in something else."""
    relinks: set[tuple[str, str]]
    searches: dict[NameKeys, str]
    """Account data's names → the track that a search found for them."""
    recordings: Mapping[str, Sequence[Recording]] = {}
    """MusicBrainz' recordings of those artists that were looked for there, by Spotify id or by name; none of one that
    was not found."""

    def track_key(self, track: Track) -> TrackKey:
        """An extended row's track is its Spotify id; an account-data row's the one that was found for its names, else
        the provisional track of its names."""
        names = name_keys(track)
        found = track.spotify_id or (names and self.searches.get(names))
        assert found or names, "account data always names track and artist"
        return self.aliases.get(found, found) if found else names or ("", "")

    @property
    def aliases(self) -> dict[str, str]:
        """Every relinked id → the least of the ids asked for among those that are one track with it."""
        one_track = {track_id: {track_id} for pair in self.relinks for track_id in pair}
        for asked, returned in self.relinks:
            together = one_track[asked] | one_track[returned]
            for track_id in together:
                one_track[track_id] = together
        asked_for = {asked for asked, _ in self.relinks}
        return {track_id: min(together & asked_for) for track_id, together in one_track.items()}

    def named(self, object_type: str) -> dict[str, dict[str, Any]]:
        return {one: told for (kind, one), told in self.objects.items() if kind == object_type and told.get("name")}

    def artist_called(self, name: str) -> str:
        """Where only a name is given: of the artists of that name the one with the least id, else the name itself."""
        return min(
            (one for one, told in self.named("artist").items() if key(told["name"]) == key(name)), default=key(name)
        )

    def album_called(self, name: str, artist: str | None) -> str | None:
        """The same for an album, known by its name and its first artist's."""
        wanted = key(name), None if artist is None else key(artist)
        return min((one for one, told in self.named("album").items() if album_keys(told) == wanted), default=None)


class Event(NamedTuple):
    track: TrackKey
    played_at: datetime
    ms_played: int
    source: str  # API, IMPORT or SUBMISSION
    is_estimated: bool = False
    context: Context | None = None

    @property
    def is_skip(self) -> bool:
        return self.ms_played < SKIP_BELOW_MS


class EpisodeEvent(NamedTuple):
    """A play that is not music."""

    kind: Kind
    content: ContentKey
    names: tuple[str, str, str]
    """As the export gives them that counts."""
    played_at: datetime
    ms_played: int
    context: Context | None


class Conformed(NamedTuple):
    events: list[Event]
    upgrades: dict[EventKey, EventKey]  # a play that was only shown → the event that it is now
    episode_events: set[EpisodeEvent]


class ShownTrack(NamedTuple):
    """A track as the catalog shows it."""

    name: str | None
    artists: list[str]
    album: str | None
    duration_ms: int | None = None
    isrc: str | None = None


class Catalog(NamedTuple):
    """Display names, shared by all listeners: as exports give them, and what Spotify told, which beats them."""

    tracks: dict[TrackKey, Track]
    artists: dict[str, str]
    albums: dict[tuple[str, str | None], str]
    metadata: Metadata = Metadata({}, set(), set(), {})
    names_given: dict[TrackKey, set[tuple[str, str]]] = {}  # noqa: RUF012
    """Every complete pair of title and artist that exports ever gave a track."""
    songs: dict[TrackKey, Song] = {}  # noqa: RUF012
    account_names: set[NameKeys] = set()  # noqa: RUF012
    """The names of tracks that account data ever gave."""
    joined: dict[TrackKey, set[SongKey]] = {}  # noqa: RUF012
    """Keys that listeners gave tracks by saying that they are one song."""
    split: set[TrackKey] = set()  # noqa: RUF012
    """Tracks that a listener made songs of their own."""

    def told(self, track: TrackKey) -> dict[str, Any]:
        return self.metadata.objects.get(("track", track), {}) if isinstance(track, str) else {}

    def names(self, track: TrackKey) -> NameKeys | None:
        """The names under which a track meets account data: those of exports if they give both, else Spotify's."""
        exported = name_keys(self.tracks[track]) if track in self.tracks else None
        told = self.told(track)
        if exported is None and "name" in told and "artists" in told:
            return key(told["name"]), key(told["artists"][0]["name"])
        return exported

    def song_keys(self, track: TrackKey) -> set[SongKey]:
        """'Tracks of equal normalized title and first artist, or of equal ISRC' are one song. "Various Artists" counts
        only where a track has no other name. A track that was split is only of the songs that it was joined to."""
        joined = self.joined.get(track, set())
        return joined if track in self.split else joined | self.keys_told(track)

    def keys_told(self, track: TrackKey) -> set[SongKey]:
        told = self.told(track)
        names = set(self.names_given.get(track, ()))
        if "name" in told and "artists" in told:
            names.add((told["name"], told["artists"][0]["name"]))
        known = {(title, artist) for title, artist in names if key(artist) != "various artists"}
        keys: set[SongKey] = {(song_title(title), song_text(artist)) for title, artist in known or names}
        if isrc := told.get("external_ids", {}).get("isrc"):
            keys.add((isrc.upper().replace("-", "").replace(" ", ""),))
        return keys

    def song(self, track: TrackKey) -> Song:
        return self.songs.get(track, frozenset({track}))

    def credits(self, track: TrackKey) -> list[str]:
        """The artists of a track: ids where Spotify told of them, else whoever answers to the exports' name."""
        if "artists" in (told := self.told(track)):
            return list(dict.fromkeys(artist["id"] for artist in told["artists"]))
        artist = self.tracks[track].artist if track in self.tracks else None
        return [] if artist is None else [self.metadata.artist_called(artist)]

    def album(self, track: TrackKey) -> AlbumKey | None:
        """The album of a track: an id where Spotify told of it, else whichever answers to the exports' names."""
        if "album" in (told := self.told(track)):
            return str(told["album"]["id"])
        if track not in self.tracks or (album := self.tracks[track].album) is None:
            return None
        artist = self.tracks[track].artist
        return self.metadata.album_called(album, artist) or (key(album), None if artist is None else key(artist))

    def length(self, track: TrackKey) -> int | None:
        """Spotify's; else MusicBrainz', of the recordings of that title by the only artist of that name, if their
        lengths agree: the one in the middle."""
        told, names = self.told(track), self.names(track)
        if "duration_ms" in told or names is None:
            return told.get("duration_ms")
        artist = names[1]
        ids = [one for one, known in self.metadata.named("artist").items() if key(known["name"]) == artist]
        if len(ids) > 1:
            return None
        found = [self.metadata.recordings[one] for one in (*ids, artist) if one in self.metadata.recordings]
        title = song_title(told["name"] if "name" in told else str(self.tracks[track].name))
        lengths = sorted(
            one.length_ms
            for one in (found[0] if found else ())
            if song_title(f"{one.title} ({one.version})" if one.version else one.title) == title
        )
        if not lengths or lengths[-1] - lengths[0] > LENGTHS_AGREE_MS:
            return None
        return lengths[(len(lengths) - 1) // 2]

    def artist_name(self, artist: str) -> str:
        known = self.metadata.named("artist")
        return str(known[artist]["name"]) if artist in known else self.artists[artist]

    def shown(self, track: TrackKey) -> ShownTrack:
        """The names of a track, its artists and album: Spotify's, else each in the spelling that was played last."""
        _, name, artist, album, _ = self.tracks.get(track, Track(None, None, None, None))
        told, albums = self.told(track), self.metadata.named("album")
        album_id = told["album"]["id"] if "album" in told else album and self.metadata.album_called(album, artist)
        if album_id:
            album = albums[album_id]["name"]
        elif album is not None:
            album = self.albums[key(album), None if artist is None else key(artist)]
        return ShownTrack(
            told.get("name", name),
            [self.artist_name(one) for one in self.credits(track)],
            album,
            self.length(track),
            told.get("external_ids", {}).get("isrc"),
        )


class Totals(NamedTuple):
    play_count: int
    total_ms: int


class TrackStats(NamedTuple):
    play_count: int
    total_ms: int
    first_played_at: datetime
    last_played_at: datetime


class TopTracks(NamedTuple):
    """The most played tracks of a year. Of those that were played as much as the last one, a surrogate id decides which
    are among them; so where some may be left out, only their number is told."""

    tracks: dict[TrackKey, Totals]
    last: tuple[Totals, int] | None


class TopSongs(NamedTuple):
    """The same for songs."""

    songs: dict[Song, Totals]
    last: tuple[Totals, int] | None


class BucketStats(NamedTuple):
    play_count: int
    total_ms: int
    unique_tracks: int


class Streamed(NamedTuple):
    """A UTC month as Spotify counts."""

    everything: Totals
    music: Totals
    podcasts: Totals


class Tables(NamedTuple):
    """One listener's share of the warehouse, each table keyed by the grain of its rows."""

    events: dict[EventKey, Event]
    track_months: dict[tuple[date, TrackKey], TrackStats]
    track_stats: dict[TrackKey, TrackStats]
    song_stats: dict[Song, TrackStats]
    artist_stats: dict[str, TrackStats]
    year_top_tracks: dict[int, TopTracks]
    year_top_songs: dict[int, TopSongs]
    bucket_stats: dict[Bucket, BucketStats]
    hour_stats: dict[int, Totals]
    totals: Totals
    album_stats: dict[AlbumKey | None, TrackStats]
    weekday_hour_months: dict[tuple[date, int, int], Totals]
    weekday_hour_stats: dict[tuple[int, int], Totals]
    context_months: dict[tuple[date, str, str], Totals]
    context_stats: dict[tuple[str, str], Totals]
    episode_events: set[EpisodeEvent]
    episode_bucket_stats: dict[tuple[Kind, Bucket], Totals]
    episode_hour_stats: dict[tuple[Kind, int], Totals]
    as_spotify_counts: dict[date, Streamed]


class Correction(NamedTuple):
    """What a listener says of landed plays, by natural keys."""

    kind: str
    what: Mapping[str, Any]


def derive(
    landed: Mapping[str, Landing],
    min_play_ms: int = MIN_PLAY_MS,
    metadata: Metadata | None = None,
    corrections: Mapping[str, Sequence[Correction]] | None = None,
) -> dict[str, Tables]:
    """Everything right of the landing layer, per listener. They share one catalog, so they are derived together."""
    metadata = metadata or metadata_of([])
    landed = {user: landing.relinked(metadata.aliases) for user, landing in landed.items()}
    plays = [play for landing in landed.values() for play in (*landing.plays, *landing.undone)]
    polled = [row.spotify_id for landing in landed.values() for row in landing.polled]
    made = [one for ones in (corrections or {}).values() for one in ones]
    catalog = catalog_of(plays, metadata, polled, made)
    return {
        user: aggregate(
            visible(conform(landing, catalog, min_play_ms), landing, (corrections or {}).get(user, ()), catalog),
            catalog,
            ZoneInfo(landing.timezone),
        )
        for user, landing in landed.items()
    }


# ── Catalog ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def key(name: str) -> str:
    """The normalized name: NFKC, runs of whitespace collapsed to one space, trimmed, lowercase."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).lower()


def name_keys(track: Track) -> NameKeys | None:
    return None if track.name is None or track.artist is None else (key(track.name), key(track.artist))


def metadata_of(
    replies: Iterable[Reply],
    searches: Mapping[NameKeys, str] | None = None,
    recordings: Mapping[str, Sequence[Recording]] | None = None,
) -> Metadata:
    """'A field that the reply lacks never erases what is stored', a mention never replaces what a whole object said."""
    metadata = Metadata({}, set(), set(), dict(searches or {}), recordings or {})
    for object_type, asked_id, payload in replies:
        if payload is None:
            continue
        if object_type == "track" and payload["id"] != asked_id:
            metadata.relinks.add((asked_id, payload["id"]))
        for kind, mentioned in mentions(object_type, asked_id, payload):
            tell(metadata, (kind, mentioned["id"]), mentioned, is_whole=False)
        is_whole = {"track": "album", "album": "tracks", "artist": "images"}[object_type] in payload
        tell(metadata, (object_type, asked_id), payload, is_whole=is_whole)
    return metadata


def mentions(object_type: str, asked_id: str, payload: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = [("artist", artist) for artist in payload.get("artists", [])]
    if object_type == "track" and "album" in payload:
        found += [("album", payload["album"]), *mentions("album", payload["album"]["id"], payload["album"])]
    if object_type == "album":
        for track in payload.get("tracks", {"items": []})["items"]:
            found += [("track", {**track, "album": {"id": asked_id}}), *mentions("track", track["id"], track)]
    return found


def tell(metadata: Metadata, one: tuple[str, str], payload: Mapping[str, Any], *, is_whole: bool) -> None:
    told = {field: value for field, value in payload.items() if value is not None}
    known = metadata.objects.get(one, {})
    metadata.objects[one] = told | known if one in metadata.full and not is_whole else known | told
    if is_whole:
        metadata.full.add(one)


def album_keys(told: Mapping[str, Any]) -> tuple[str, str | None]:
    return key(told["name"]), key(told["artists"][0]["name"]) if told.get("artists") else None


def catalog_of(
    plays: Iterable[Play],
    metadata: Metadata | None = None,
    polled: Iterable[str] = (),
    corrections: Iterable[Correction] = (),
) -> Catalog:
    """Of all the names that exports gave a row, those played last; ties go to the greatest in C (code point) order.

    ``corrections`` are those of all listeners: what one says of songs holds for everybody."""
    last_played_at: dict[Track, datetime] = {}
    for play in plays:  # too short ones too: they are landed, and they name their track
        if play.track.kind is Kind.TRACK:
            last_played_at[play.track] = max(play.played_at, last_played_at.get(play.track, play.played_at))

    catalog = Catalog({}, {}, {}, metadata or metadata_of([]), {}, {}, set(), {}, set())
    for track in sorted(last_played_at, key=lambda t: (has_names(t), last_played_at[t], texts(t))):
        catalog.tracks[catalog.metadata.track_key(track)] = track
        if track.spotify_id is None and (names := name_keys(track)):
            catalog.account_names.add(names)
        if track.name is not None and track.artist is not None:
            catalog.names_given.setdefault(catalog.metadata.track_key(track), set()).add((track.name, track.artist))
    for track in sorted(last_played_at, key=lambda t: (last_played_at[t], t.artist or "")):
        if track.artist is not None:
            catalog.artists[key(track.artist)] = track.artist
    for track in sorted(last_played_at, key=lambda t: (last_played_at[t], t.album or "")):
        if track.album is not None:
            catalog.albums[key(track.album), None if track.artist is None else key(track.artist)] = track.album
    whole = {catalog.metadata.aliases.get(one, one) for kind, one in catalog.metadata.full if kind == "track"}
    correct_songs(catalog, corrections)
    catalog.songs.update(songs_of({*catalog.tracks, *polled, *whole}, catalog))
    return catalog


def texts(track: Track) -> tuple[str, str, str]:
    return track.name or "", track.artist or "", track.album or ""


def has_names(track: Track) -> bool:
    """Names that went missing from a later export do not take known ones away."""
    return track.name is not None and track.artist is not None


# ── Songs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def songs_of(tracks: Iterable[TrackKey], catalog: Catalog) -> dict[TrackKey, Song]:
    """Each track's song. Tracks that share a key are one song, and so are tracks that others link."""
    groups: list[tuple[set[TrackKey], set[SongKey]]] = []
    for track in tracks:
        members, keys = {track}, set(catalog.song_keys(track))
        apart = []
        for group in groups:
            if group[1] & keys:
                members |= group[0]
                keys |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (members, keys)]
    return {track: frozenset(members) for members, _ in groups for track in members}


def correct_songs(catalog: Catalog, corrections: Iterable[Correction]) -> None:
    for number, (kind, what) in enumerate(corrections):
        if kind == "JOIN_SONGS":
            for named in what["tracks"]:
                if (track := track_meant(named, catalog)) is not None:
                    catalog.joined.setdefault(track, set()).add(("joined", str(number)))
        if kind == "SPLIT_SONG" and (track := track_meant(what, catalog)) is not None:
            catalog.split.add(track)


def song_text(name: str) -> str:
    """A name for comparing songs: lower case by single characters, and plain quotes, dashes and brackets."""
    text = " ".join(unicodedata.normalize("NFKC", name).split())
    lowered = (one.lower()[0] for one in text)
    return "".join(FOLDED_CHARACTERS.get(one, one) for one in lowered)


def song_title(title: str) -> str:
    """A title without guests, and without what only says that it is a version of the same song."""
    whole = song_text(title)
    text = without_guests(without_brackets(whole))
    first, *others = text.split(" - ")
    last: list[str] = []
    while others and says_version(others[-1]):
        last.insert(0, others.pop())
    if last and not is_same_song(" ".join(last)):
        others += last
    if others and "/" in others[-1]:
        before, _, after = others[-1].rpartition("/")
        if says_version(after) and is_same_song(after):
            others[-1] = before.rstrip(" ")
    return " - ".join([first, *others]) or whole


def without_brackets(text: str) -> str:
    """Inner brackets first; those that are left without a partner stay."""
    open_texts = [""]
    for one in text:
        if one == "(":
            open_texts.append("")
        elif one == ")" and len(open_texts) > 1:
            inside = open_texts.pop()
            if inside.removeprefix(" ").startswith(GUESTS) or (says_version(inside) and is_same_song(inside)):
                open_texts[-1] = open_texts[-1].rstrip(" ")
            else:
                open_texts[-1] += f"({inside})"
        else:
            open_texts[-1] += one
    return "(".join(open_texts).strip(" ")


def without_guests(text: str) -> str:
    """Guests named without brackets go, up to the next dash or bracket."""
    for marker in (" feat.", " ft.", " featuring "):
        if marker in text:
            begins = text.index(marker)
            guests = text[begins + 1 :]
            ends = min([guests.index(end) for end in (" - ", " (") if end in guests], default=len(guests))
            return text[:begins].rstrip("- ") + guests[ends:]
    return text


def words(version: str) -> list[str]:
    return "".join(" " if one in "0123456789/;,.&+-" else one for one in version).split(" ")


def says_version(text: str) -> bool:
    return set(words(text)) <= {"", *SAME_SONG, *RELEASES, *BESIDE}


def is_same_song(version: str) -> bool:
    said = set(words(version))
    return bool(said & SAME_SONG) or ("version" in said and bool(said & RELEASES))


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """A row of an export that counts, as one of its tellings says."""

    track: TrackKey
    song: Song
    names: tuple[str, str, str]
    played_at: datetime
    ms_played: int
    stopped_at: datetime
    """The raw `ts`, or the minute of account data."""
    elapsed_s: int | None = None
    context: Context | None = None
    kind: Kind = Kind.TRACK

    @property
    def is_undated(self) -> bool:
        return self.elapsed_s == UNDATED

    @property
    def started_at(self) -> datetime | None:
        """The true start, where the export tells it."""
        if self.elapsed_s is None or self.is_undated:
            return None
        return self.played_at - timedelta(seconds=self.elapsed_s)

    @property
    def started_second(self) -> datetime | None:
        return self.started_at and self.started_at.replace(microsecond=0)

    @property
    def length(self) -> timedelta:
        return timedelta(milliseconds=self.ms_played)


class Shown(NamedTuple):
    """A play that a poll showed, or of which the oldest account data tells no more than the moment; or a submitted one,
    of which the start is told."""

    track: TrackKey
    song: Song
    played_at: datetime
    ms_played: int
    """Estimated, unless the submission tells how long the play was heard."""
    source: str
    is_nameless: bool
    name: str
    """Orders plays that were shown at one moment: polled ones by id, then those of account data by name."""
    title: str | None = None
    """Of the names that exports and programs tell."""
    started_at: datetime | None = None
    has_length: bool = False
    is_exact: bool = False

    @property
    def moment(self) -> datetime:
        """By which it is known: the start that a submission tells, else whatever was shown."""
        return self.started_at or self.played_at

    @property
    def end(self) -> datetime | None:
        return self.played_at if self.started_at is None or self.has_length else None

    @property
    def ended_at(self) -> datetime:
        """Where its event lies for as long as nothing tells better."""
        if self.started_at is None:
            return self.played_at
        return self.started_at + timedelta(milliseconds=self.ms_played)


class Desired(NamedTuple):
    """An event before plays of one track at one instant are told apart."""

    event: Event
    order: int
    """Exact rows first, then account data, then what was only shown."""
    were: tuple[EventKey, ...] = ()
    """Where the event was while it was only shown."""


def conform(landing: Landing, catalog: Catalog, min_play_ms: int = MIN_PLAY_MS) -> Conformed:
    """One listener's events, by the rules of identity in their order."""
    landing = landing._replace(plays=as_heard(landing))
    # "A music play becomes a listening event when it lasts min_play_ms or more": the others play no part in anything.
    told = [
        row_of(play, catalog, play.ms_played)
        for play in landing.plays
        if play.track.kind is Kind.TRACK and play.ms_played is not None and play.ms_played >= min_play_ms
        if not is_submitted(play) and not is_polled(play)
    ]
    not_music = [
        other_row_of(play, play.ms_played)
        for play in landing.plays
        if play.track.kind is not Kind.TRACK and play.ms_played is not None and play.ms_played >= min_play_ms
    ]
    episodes = list(
        {
            (row.track, row.names, row.played_at, row.stopped_at, row.ms_played): row
            for row in with_starts(not_music)
            if row.kind in NAMED
        }.values()
    )
    raw_extended = with_starts(distinct(row for row in told if row.context is not None))
    extended = one_stream_each(raw_extended)
    all_account = distinct(row for row in told if row.context is None)
    account = not_replaced(all_account, raw_extended, episodes)
    episode_events = conform_others(not_music, raw_extended, all_account, account)
    listed = shown_plays(landing, catalog, min_play_ms)
    shown = estimated(shown_once(play for play in listed if play.started_at is None))
    submitted = until_next(submitted_once(play for play in listed if play.started_at is not None))
    pairs = matched(shown, extended, account)
    pairs_of_submitted = matched(submitted, extended, account)
    same_play = known_from_polls(submitted, pairs_of_submitted, shown, pairs)

    desired = {row: Desired(event_of(row), 0) for row in extended}
    desired |= {row: Desired(event_of(row), 1) for row in account}
    only_shown: list[Desired] = []
    for play, tellings in [*shown.items(), *submitted.items()]:
        if play in same_play:
            continue
        were = places(play, tellings)
        for other, poll in same_play.items():
            if poll == play:
                were += places(other, submitted[other])
        match pairs.get(play) or pairs_of_submitted.get(play):
            case None:
                event = Event(play.track, play.ended_at, play.ms_played, play.source, is_estimated=not play.is_exact)
                if play.ms_played >= min_play_ms:
                    only_shown.append(Desired(event, 2 if play.started_at is None else 3, were))
            case row, by_start if row.context is None:  # a minute and names: the rest is better known otherwise
                del desired[row]
                ended_at = play.moment + row.length if by_start else play.played_at
                event = Event(play.track, ended_at, row.ms_played, "IMPORT")
                only_shown.append(Desired(event, 2, were))
            case row, _:
                desired[row] = desired[row]._replace(were=desired[row].were + were)
    return told_apart([*desired.values(), *only_shown])._replace(episode_events=episode_events)


def is_submitted(play: Play) -> bool:
    """A program, or a file of another service, told the play: its start is known, and not how it was heard."""
    return play.context is None and play.elapsed_s not in (None, UNDATED)


def is_polled(play: Play) -> bool:
    """An export of MYI told a play that a poll had shown: as if it were polled."""
    return play.context is None and play.elapsed_s == UNDATED


def places(play: Shown, tellings: Sequence[Shown]) -> tuple[EventKey, ...]:
    """Where its event may have been while no better source had it."""
    return tuple((one.track, one._replace(ms_played=play.ms_played).ended_at) for one in tellings)


NAMED = (Kind.TRACK, Kind.EPISODE, Kind.CHAPTER)
"""The kinds of content that say what was played. The others give way to them."""


def conform_others(
    others: Sequence[Row], music: Sequence[Row], account_music: Sequence[Row], untold_music: Sequence[Row]
) -> set[EpisodeEvent]:
    """The plays that are not music, from their rows and from those of music: of the extended history, of account data,
    and those of account data that no row tells better."""
    extended = with_starts(distinct(row for row in others if row.context is not None))
    account = distinct(row for row in others if row.context is None)

    # Of one stream in two downloads, one may not name it.
    told_by_name = {
        (row.played_at, row.ms_played) for row in [*music, *extended] if row.kind in NAMED and row.context is not None
    }
    kept = [row for row in extended if row.kind in NAMED or (row.played_at, row.ms_played) not in told_by_name]

    named_account = [row for row in account if row.kind in NAMED]
    untold = not_replaced(named_account, [row for row in extended if row.kind in NAMED], ())

    # What the extended history does not name, account data of the same minute and length may: "music stays music".
    names: dict[tuple[datetime, int], int] = {}
    for row in [*untold_music, *untold]:
        names[row.played_at, row.ms_played] = names.get((row.played_at, row.ms_played), 0) + 1
    named_by_account = []
    for row in sorted(kept, key=lambda row: (list(Kind).index(row.kind), row.played_at, row.stopped_at, row.names)):
        is_same_month = first_of_month(row.stopped_at, UTC) == first_of_month(row.played_at, UTC)
        at = minute(row.stopped_at if is_same_month else row.played_at), row.ms_played
        if row.kind not in NAMED and names.get(at):
            names[at] -= 1
            named_by_account.append(row)

    # And the other way round: a placeholder of account data is whatever else has its minute and length.
    told = {(minute(end), row.ms_played) for row in [*music, *extended] for end in (row.stopped_at, row.played_at)}
    told |= {(row.played_at, row.ms_played) for row in [*account_music, *named_account]}
    nameless = [row for row in account if row.kind not in NAMED and (row.played_at, row.ms_played) not in told]

    streams = one_stream_each(row for row in kept if row not in named_by_account)
    return {
        EpisodeEvent(row.kind, other_key(row), row.names, row.played_at, row.ms_played, row.context)
        for row in [*streams, *untold, *nameless]
    }


def other_key(row: Row) -> ContentKey:
    return row.track  # type: ignore[return-value]


def other_row_of(play: Play, ms_played: int) -> Row:
    """A row that is not music. What has an id is known by it, whatever its name becomes; what has none, by its names.
    An episode meets account data by its name and its show's, a chapter by its book's."""
    track = play.track
    content: Any = track.spotify_id or (track.kind, *(text and key(text) for text in track[1:4]))
    song: Any = ("nameless", "extended" if play.context else "account")
    if track.kind is Kind.EPISODE and track.name and track.artist:
        song = (track.kind, key(track.name), key(track.artist))
    elif track.kind is Kind.CHAPTER and track.album:
        song = (track.kind, key(track.album))
    return Row(
        content,
        song,
        texts(track),
        play.played_at,
        ms_played,
        play.stopped_at,
        play.elapsed_s,
        play.context,
        track.kind,
    )


def as_heard(landing: Landing) -> Sequence[Play]:
    """The plays, each as the import tells it that tells most of how it was heard, an undone one too."""

    def identity(play: Play) -> tuple[Any, ...]:
        return play.track, play.played_at, play.stopped_at, play.ms_played

    def told(play: Play) -> tuple[Any, ...]:
        moments = play.played_at, play.ms_played or 0, play.stopped_at, play.elapsed_s
        return tells_more(Row("", frozenset(), texts(play.track), *moments, play.context))

    starts = {identity(play) for play in landing.plays if is_submitted(play)}
    if starts:  # which a row of account data that is the same but for it does not tell
        kept = [play for play in landing.plays if is_submitted(play) or identity(play) not in starts]
        landing = landing._replace(plays=kept)
    if not landing.undone:
        return landing.plays
    best: dict[tuple[Any, ...], Play] = {}
    for play in (*landing.plays, *landing.undone):
        if identity(play) not in best or told(play) > told(best[identity(play)]):
            best[identity(play)] = play
    return [best[identity(play)] for play in landing.plays]


def row_of(play: Play, catalog: Catalog, ms_played: int) -> Row:
    track = catalog.metadata.track_key(play.track)
    song = catalog.song(track)
    return Row(track, song, texts(play.track), play.played_at, ms_played, play.stopped_at, play.elapsed_s, play.context)


def event_of(row: Row) -> Event:
    return Event(row.track, row.played_at, row.ms_played, "IMPORT", context=row.context)


def minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Rows of one track, instant, upload and length are one row. What it tells most of how it was heard counts."""
    best: dict[tuple[TrackKey, datetime, datetime, int], Row] = {}
    for row in rows:
        identity = row.track, row.played_at, row.stopped_at, row.ms_played
        if identity not in best or tells_more(row) > tells_more(best[identity]):
            best[identity] = row
    return list(best.values())


def with_starts(rows: Iterable[Row]) -> list[Row]:
    """A play that one row tells by its upload, and another of the same track, upload and length with its start, is that
    of the latter."""
    told = list(rows)
    started = {(row.track, row.stopped_at, row.ms_played) for row in told if row.played_at < row.stopped_at}
    return [row for row in told if not (row.is_undated and (row.track, row.stopped_at, row.ms_played) in started)]


def tells_more(row: Row) -> tuple[int, int, int, int, tuple[str, str, str]]:
    """A start, and the earlier one, before none, and that before an undated play; then the fuller context."""
    start = 0 if row.elapsed_s is None else row.elapsed_s + 1 if row.elapsed_s >= 0 else -1
    context = row.context or Context(*[None] * 8)
    kind = list(Kind).index(row.kind)
    return start, 8 - list(context).count(None), -int(fingerprint(context), 16), kind, row.names


def fingerprint(context: Context) -> str:
    """Of two contexts that tell as much, the one with the lower hash counts: any order that is always the same."""
    texts, flags = context[:4], context[4:]
    hashed = ["-" if text is None else md5(text) for text in texts]
    return md5("".join([*hashed, *("-" if flag is None else str(flag).lower() for flag in flags)]))


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def one_stream_each(told: Iterable[Row]) -> list[Row]:
    """Rule 1: what the extended history tells, each play once."""
    # "Offline rows without a sane timestamp carry the time of their upload: of one track and instant, rows of different
    # ms_played are different plays"; of the others "the longest stays".
    at: dict[tuple[TrackKey, datetime, int], list[Row]] = {}
    for row in told:
        at.setdefault((row.track, row.played_at, row.ms_played), []).append(row)
    rows = [max(same, key=lambda row: (tells_more(row)[:3], -row.stopped_at.timestamp())) for same in at.values()]
    longest: dict[EventKey, int] = {}
    for row in rows:
        if not row.is_undated:
            identity = row.track, row.played_at
            longest[identity] = max(row.ms_played, longest.get(identity, 0))
    rows = [row for row in rows if row.is_undated or row.ms_played == longest[row.track, row.played_at]]

    # "A play cannot overlap itself": "the first stays, each further one is compared with the last that stayed".
    kept: list[Row] = []
    last: dict[tuple[TrackKey, int], Row] = {}
    for row in sorted(rows, key=lambda row: row.played_at):
        before = None if row.is_undated else last.get((row.track, row.ms_played))
        if before is not None:
            apart = row.played_at - before.played_at
            is_same_start = row.started_second is not None and row.started_second == before.started_second
            if 2 * apart < row.length or (is_same_start and apart < timedelta(days=1)):
                continue
        if not row.is_undated:
            last[row.track, row.ms_played] = row
        kept.append(row)
    return kept


def not_replaced(account: Sequence[Row], extended: Sequence[Row], episodes: Sequence[Row]) -> list[Row]:
    """Rules 2 and 3: the account-data plays that no extended row has more exactly."""
    left, unused = list(account), list(extended)
    for same_song, same_length, others in (
        (True, True, ()),
        (True, False, ()),
        (False, True, episodes),
    ):
        unused += others
        for end in ("stopped_at", "played_at"):
            left, unused = one_to_one(left, unused, same_song, same_length, end)
    return left


def one_to_one(
    account: Sequence[Row], extended: Sequence[Row], same_song: bool, same_length: bool, end: str
) -> tuple[list[Row], list[Row]]:
    """What is left of both when as many as possible of the same minute, song and length are paired, longest first."""

    def group(row: Row, instant: datetime) -> tuple[Any, ...]:
        return minute(instant), row.song if same_song else None, row.ms_played if same_length else None

    groups: dict[tuple[Any, ...], tuple[list[Row], list[Row]]] = {}
    for row in account:
        groups.setdefault(group(row, row.played_at), ([], []))[0].append(row)
    for row in extended:
        groups.setdefault(group(row, getattr(row, end)), ([], []))[1].append(row)
    left: tuple[list[Row], list[Row]] = ([], [])
    for both in groups.values():
        pairs = min(map(len, both))
        for rows, remaining in zip(both, left, strict=True):
            rows.sort(key=lambda row: (-row.ms_played, row.played_at, row.stopped_at, row.names))
            remaining += rows[pairs:]
    return left


def shown_plays(landing: Landing, catalog: Catalog, min_play_ms: int) -> list[Shown]:
    """Polls, and the account data of before December 2018, which tells no length: where the extended history has a row
    of the same second, it tells that play, and only music of the song that counts is left to be matched."""
    told_at: dict[datetime, list[Play]] = {}
    for play in landing.plays:
        if play.context is not None and play.stopped_at == play.played_at:
            told_at.setdefault(play.played_at.replace(microsecond=0), []).append(play)
    shown = [
        Shown(row.spotify_id, catalog.song(row.spotify_id), row.played_at, row.duration_ms, "API",
              catalog.names(row.spotify_id) is None, row.spotify_id)
        for row in landing.polled
        if row.duration_ms is not None and row.duration_ms >= min_play_ms
    ]  # fmt: skip
    for play in landing.plays:
        track = catalog.metadata.track_key(play.track) if play.track.kind is Kind.TRACK else ""
        if is_submitted(play):
            elapsed_s = play.elapsed_s or 0
            length = play.ms_played
            if length is None:
                length = elapsed_s * 1_000 or catalog.shown(track).duration_ms or TYPICAL_MS
            name = f"{play.track.name}{play.track.artist}{track if isinstance(track, str) else ''}"
            title = None if play.track.name is None else key(play.track.name)
            shown.append(
                Shown(track, catalog.song(track), play.played_at, length, "SUBMISSION", True, name, title,
                      play.played_at - timedelta(seconds=elapsed_s), elapsed_s > 0, play.ms_played is not None)
            )  # fmt: skip
        elif is_polled(play) and play.ms_played is not None:
            shown.append(
                Shown(track, catalog.song(track), play.played_at, play.ms_played, "API",
                      catalog.names(track) is None, str(track))
            )  # fmt: skip
        elif play.ms_played is None and play.track.kind is Kind.TRACK:
            length = catalog.shown(track).duration_ms or TYPICAL_MS
            told = told_at.get(play.played_at.replace(microsecond=0), [])
            can_be_matched = [
                (one.ms_played or 0) >= min_play_ms
                and one.track.kind is Kind.TRACK
                and catalog.song(catalog.metadata.track_key(one.track)) == catalog.song(track)
                for one in told
            ]
            if any(can_be_matched) or not told:
                name = play.track.name or ""
                shown.append(Shown(track, catalog.song(track), play.played_at, length, "IMPORT", True, name, key(name)))
    return [play for play in shown if play.ms_played >= min_play_ms]


def shown_once(shown: Iterable[Shown]) -> dict[Shown, list[Shown]]:
    """'The same page shown again, its times shifted by less than that, is the same plays': all showings of each play.

    The earliest showing counts; of several at one instant the longest."""
    plays: dict[Shown, list[Shown]] = {}
    last: dict[TrackKey, Shown] = {}
    for play in sorted(shown, key=lambda play: (play.played_at, -play.ms_played, play.source, play.name)):
        before = last.get(play.track)
        if before is not None and play.played_at - before.played_at < TOLERANCE:
            plays[before].append(play)
        else:
            last[play.track] = play
            plays[play] = [play]
    return plays


def estimated(shown: Mapping[Shown, list[Shown]]) -> dict[Shown, list[Shown]]:
    """'A polled play's length is the track's, capped by the time since the play before'; none under 30 s is shown."""
    plays: dict[Shown, list[Shown]] = {}
    before: datetime | None = None
    for moment, together in groupby(sorted(shown, key=lambda play: play.played_at), lambda play: play.played_at):
        for play in together:
            longest = play.ms_played
            if before is not None:
                longest = min(longest, max((moment - before) // timedelta(milliseconds=1), SHOWN_FROM_MS))
            plays[play._replace(ms_played=longest)] = shown[play]
        before = moment
    return plays


def submitted_once(submitted: Iterable[Shown]) -> dict[Shown, list[Shown]]:
    """Submissions of one song, or one title, that begin within the tolerance of the first are of one play. The one
    counts that tells most: a length heard before the track's length, and that before none; then the earliest."""

    def begins(play: Shown) -> tuple[datetime, int, str]:
        return play.moment, -play.ms_played, play.name

    plays: list[list[Shown]] = []
    last: dict[Song | str | None, list[Shown]] = {}
    for play in sorted(submitted, key=begins):
        of_song = last.get(play.song, [])
        of_title = last.get(play.title, []) if play.title is not None else []
        near = [one for one in (of_song, of_title) if one and play.moment - one[0].moment < TOLERANCE]
        if not near:
            near = [[]]
            plays += near
        near[0].append(play)
        last[play.song] = last[play.title] = near[0]
    return {min(play, key=lambda one: (not one.is_exact, not one.has_length, begins(one))): play for play in plays}


def until_next(submitted: Mapping[Shown, list[Shown]]) -> dict[Shown, list[Shown]]:
    """A play whose length heard is not told lasts until the next one begins at most; none is shorter than 30 s."""
    plays: dict[Shown, list[Shown]] = {}
    for play, tellings in submitted.items():
        after = min((other.moment for other in submitted if other.moment > play.moment), default=None)
        longest = play.ms_played
        if after is not None and not play.is_exact:
            longest = min(longest, max((after - play.moment) // timedelta(milliseconds=1), SHOWN_FROM_MS))
        plays[play._replace(ms_played=longest)] = tellings
    return plays


def known_from_polls(
    submitted: Mapping[Shown, list[Shown]],
    pairs_of_submitted: Mapping[Shown, tuple[Row, bool]],
    shown: Mapping[Shown, list[Shown]],
    pairs: Mapping[Shown, tuple[Row, bool]],
) -> dict[Shown, Shown]:
    """Submitted plays → the polled plays that they are: because both are the same play of account data, or because they
    lie where a poll would lie of an export's row, one to one."""
    polls = {row: play for play, (row, _) in pairs.items() if row.context is None}
    same = {play: polls[row] for play, (row, _) in pairs_of_submitted.items() if row in polls}
    told = {row for row, _ in pairs_of_submitted.values()}
    of_polls = {
        Row(play.track, play.song, (play.name, "", ""), play.played_at, play.ms_played, play.played_at): play
        for play in shown
        if play not in pairs or pairs[play][0] not in told
    }
    ends = sorted({play.played_at for play in shown})

    def within(moment: Callable[[Shown], datetime | None], told: Callable[[Row], datetime]) -> Apart:
        def apart(play: Shown, row: Row) -> timedelta | None:
            instant = moment(play)
            distance = None if instant is None else abs(told(row) - instant)
            return distance if distance is not None and distance <= TOLERANCE else None

        return apart

    def since_the_poll_before(play: Shown, row: Row) -> timedelta | None:
        before = max((end for end in ends if end < row.played_at), default=None)
        waited = row.played_at - play.moment
        is_after = before is None or before < play.moment + TOLERANCE
        return waited if is_after and timedelta(0) <= waited <= timedelta(days=1) else None

    by_end = within(lambda play: play.end, lambda row: row.played_at)
    by_start = within(lambda play: play.started_at, lambda row: row.played_at - row.length)
    shown_at_start = within(lambda play: play.started_at, lambda row: row.played_at)
    for of_any_song, ways in (
        (False, (by_end, by_start, shown_at_start, since_the_poll_before)),
        (True, (by_end, by_start)),
    ):
        left = [play for play in submitted if play not in pairs_of_submitted and play not in same]
        rows = [row for row, play in of_polls.items() if play not in same.values()]
        left.sort(key=lambda play: (play.moment, play.source, play.name))
        rows.sort(key=lambda row: (row.played_at, -row.ms_played, row.names[0]))
        songs: list[Song | None] = [None] if of_any_song else list({play.song for play in left})
        for song in songs:
            some = [play for play in left if song in (None, play.song)]
            for play, row, _ in best_pairs(some, [row for row in rows if song in (None, row.song)], ways):
                same[play] = of_polls[row]
    return same


Apart: TypeAlias = Callable[[Shown, Row], timedelta | None]
"""How far from a row a shown play is, in one way of looking; None: too far, or not at all comparable."""


def matched(shown: Iterable[Shown], extended: Sequence[Row], account: Sequence[Row]) -> dict[Shown, tuple[Row, bool]]:
    """Rule 4: shown plays → rows of exports, and whether the shown time is the start of account data's play."""
    before: dict[Row, datetime] = {}
    ends = sorted({row.played_at for row in extended})
    for row in extended:
        before[row] = max((end for end in ends if end < row.played_at), default=datetime.min.replace(tzinfo=UTC))

    def within(shown: Callable[[Shown], datetime | None], moment: Callable[[Row], datetime | None]) -> Apart:
        def apart(play: Shown, row: Row) -> timedelta | None:
            was, instant = shown(play), moment(row)
            distance = None if was is None or instant is None else abs(instant - was)
            return distance if distance is not None and distance <= TOLERANCE else None

        return apart

    def outside_minute(shown: Callable[[Shown], datetime | None], shift: Callable[[Row], timedelta]) -> Apart:
        def apart(play: Shown, row: Row) -> timedelta | None:
            was, early = shown(play), row.played_at - shift(row)
            if was is None:
                return None
            distance = max(early - was, was - (early + MINUTE), timedelta(0))
            return distance if distance <= TOLERANCE else None

        return apart

    def since_the_row_before(play: Shown, row: Row) -> timedelta | None:
        waited = row.played_at - play.moment
        is_after = before[row] < play.moment + TOLERANCE
        return waited if is_after and timedelta(0) <= waited <= timedelta(days=1) else None

    def nameless(way: Apart) -> Apart:
        def apart(play: Shown, row: Row) -> timedelta | None:
            return way(play, row) if play.is_nameless and row.ms_played >= SHOWN_FROM_MS else None

        return apart

    def same_title(way: Apart) -> Apart:
        return lambda play, row: way(play, row) if play.title == key(row.names[0]) else None

    by_end = within(lambda play: play.end, lambda row: row.played_at)
    of_extended = [
        by_end,
        within(lambda play: play.moment, lambda row: row.started_at),
        within(lambda play: play.moment, lambda row: row.played_at - row.length),
        since_the_row_before,
    ]
    of_upload = [within(lambda play: play.end, lambda row: row.stopped_at if row.stopped_at != row.played_at else None)]
    of_account = [
        outside_minute(lambda play: play.end, lambda row: timedelta(0)),
        outside_minute(lambda play: play.moment, lambda row: row.length),
    ]
    of_any_song = [
        nameless(by_end),
        nameless(within(lambda play: play.started_at, lambda row: row.started_at)),
        nameless(within(lambda play: play.started_at, lambda row: row.played_at - row.length)),
    ]
    of_title = [same_title(way) for way in of_account]
    passes: list[tuple[Sequence[Row], Callable[[Row], datetime], Sequence[Apart]]] = [
        (extended, lambda row: row.played_at, of_extended),
        (extended, lambda row: row.stopped_at, of_upload),
        (account, lambda row: row.played_at, of_account),
        (extended, lambda row: row.played_at, of_any_song),
        (account, lambda row: row.played_at, of_title),
    ]
    pairs: dict[Shown, tuple[Row, bool]] = {}
    for rows, moment, ways in passes:
        taken = {row for row, _ in pairs.values()}
        left_shown = sorted(
            (play for play in shown if play not in pairs), key=lambda play: (play.moment, play.source, play.name)
        )
        left_rows = sorted(
            (row for row in rows if row not in taken), key=lambda row: (moment(row), -row.ms_played, by(row))
        )
        if ways is of_any_song:
            left_shown = [play for play in left_shown if play.is_nameless]
        if ways is of_title:
            titles = {play.title for play in left_shown} - {None}
            left_shown = [play for play in left_shown if play.title is not None]
            left_rows = [row for row in left_rows if key(row.names[0]) in titles]
        is_of_any_song = ways in (of_any_song, of_title)
        songs: list[Song | None] = [None] if is_of_any_song else list({play.song for play in left_shown})
        for song in songs:
            some_shown = [play for play in left_shown if song in (None, play.song)]
            some_rows = [row for row in left_rows if song in (None, row.song)]
            for play, row, way in best_pairs(some_shown, some_rows, ways):
                pairs[play] = row, rows is account and way == 1
    return pairs


def by(row: Row) -> str:
    return row.track if isinstance(row.track, str) and row.context is not None else "".join(row.names[:2])


def best_pairs(shown: Sequence[Shown], rows: Sequence[Row], ways: Sequence[Apart]) -> list[tuple[Shown, Row, int]]:
    """'One to one, order-preserving, as many as possible, nearest first': of all ways to pair, looked at one by one."""

    @cache
    def cost(one: int, other: int) -> tuple[int, timedelta] | None:
        found = (apart(shown[one], rows[other]) for apart in ways)
        return next(((way, distance) for way, distance in enumerate(found) if distance is not None), None)

    @cache
    def best(first_shown: int, first_row: int) -> tuple[int, int, timedelta, tuple[tuple[int, int], ...]]:
        if first_shown == len(shown) or first_row == len(rows):
            return 0, 0, timedelta(0), ()
        choices = [best(first_shown + 1, first_row), best(first_shown, first_row + 1)]
        if pair := cost(first_shown, first_row):
            unpaired, total_way, total_distance, pairs = best(first_shown + 1, first_row + 1)
            here = (first_shown, first_row), *pairs
            choices.append((unpaired - 1, total_way + pair[0], total_distance + pair[1], here))
        return min(choices)

    return [(shown[one], rows[other], (cost(one, other) or (0,))[0]) for one, other in best(0, 0)[3]]


def told_apart(desired: Iterable[Desired]) -> Conformed:
    """'Several plays of a track at one instant: the longest is kept at it, the next a millisecond later, and so on'."""
    events: list[Event] = []
    upgrades: dict[EventKey, EventKey] = {}
    last: dict[TrackKey, datetime] = {}
    in_order = sorted(desired, key=lambda one: (one.event.played_at, one.order, -one.event.ms_played))
    for event, _, were in in_order:
        played_at = event.played_at
        if event.track in last:
            played_at = max(played_at, last[event.track] + timedelta(milliseconds=1))
        last[event.track] = played_at
        events.append(event._replace(played_at=played_at))
        upgrades |= dict.fromkeys(were, (event.track, played_at))
    return Conformed(events, upgrades, set())


# ── Corrections ──────────────────────────────────────────────────────────────────────────────────────────────────────


def visible(conformed: Conformed, landing: Landing, corrections: Sequence[Correction], catalog: Catalog) -> Conformed:
    """'A play, a stretch of time, a track, artist or album may be hidden from statistics': the events that are not."""

    def is_private(event: Event | EpisodeEvent) -> bool:
        return landing.hides_incognito and event.context is not None and event.context.incognito is True

    places: dict[EventKey, set[EventKey]] = {}
    for was, event in conformed.upgrades.items():
        places.setdefault(event, set()).add(was)
    events = [
        event
        for event in conformed.events
        if not is_private(event)
        and not any(
            hides(one, event, places.get((event.track, event.played_at), set()), catalog) for one in corrections
        )
    ]
    others = {
        event
        for event in conformed.episode_events
        if not is_private(event) and not any(hides_other(one, event) for one in corrections)
    }
    return conformed._replace(events=events, episode_events=others)


def hides_other(correction: Correction, event: EpisodeEvent) -> bool:
    """Whether a correction hides a play that is not music."""
    kind, what = correction
    if kind == "HIDE_SHOW":
        show = event.names[2] if event.kind is Kind.CHAPTER else event.names[1]
        return bool(show) and key(show) in {key(name) for name in what["shows"]}
    return kind == "HIDE_PERIOD" and is_within(what, event.played_at)


def is_within(what: Mapping[str, Any], instant: datetime) -> bool:
    """Whether an instant is in a period, whose end does not belong to it."""
    first, end = (datetime.fromisoformat(what[name]) if name in what else None for name in ("from", "until"))
    return (first is None or first <= instant) and (end is None or instant < end)


def hides(correction: Correction, event: Event, were: Collection[EventKey], catalog: Catalog) -> bool:
    """Whether a correction hides an event, which was at some other places while it was only shown."""
    kind, what = correction
    match kind:
        case "UNDO_IMPORT":
            return False  # its plays have not landed
        case "JOIN_SONGS" | "SPLIT_SONG":
            return False  # the catalog knows the songs
        case "HIDE_SHOW":
            return False
        case "HIDE_SONG":
            return track_meant(what, catalog) in catalog.song(event.track)
        case "HIDE_TRACK":
            return event.track == track_meant(what, catalog)
        case "HIDE_ARTIST":
            artist = what.get("spotify_id") or catalog.metadata.artist_called(what["artist"])
            return artist in catalog.credits(event.track)
        case "HIDE_ALBUM":
            return catalog.album(event.track) == album_meant(what, catalog)
        case "HIDE_PERIOD":
            return is_within(what, event.played_at)
        case "HIDE_PLAY":
            track, at = track_meant(what, catalog), datetime.fromisoformat(what["played_at"])
            if track is None:
                return False
            apart = abs(event.played_at - at)
            is_same_stream = what["ms_played"] == event.ms_played and catalog.song(event.track) == catalog.song(track)
            overlaps = 2 * apart < timedelta(milliseconds=event.ms_played) or minute(event.played_at) == at
            return (track, at) in ((event.track, event.played_at), *were) or (is_same_stream and overlaps)
    raise ValueError(kind)


def track_meant(what: Mapping[str, Any], catalog: Catalog) -> TrackKey | None:
    """The track that a correction names, by its id or as account data does. None while no account data does so."""
    if "spotify_id" in what:
        return catalog.metadata.aliases.get(what["spotify_id"], str(what["spotify_id"]))
    track = Track(None, what["track"], what["artist"], None)
    return catalog.metadata.track_key(track) if name_keys(track) in catalog.account_names else None


def album_meant(what: Mapping[str, Any], catalog: Catalog) -> AlbumKey:
    if "spotify_id" in what:
        return str(what["spotify_id"])
    artist = what.get("artist")
    return catalog.metadata.album_called(what["album"], artist) or (key(what["album"]), artist and key(artist))


# ── Stats ────────────────────────────────────────────────────────────────────────────────────────────────────────────

K = TypeVar("K")
E = TypeVar("E", Event, EpisodeEvent)


def aggregate(conformed: Conformed, catalog: Catalog, zone: ZoneInfo) -> Tables:
    """'Days, weeks (ISO, Monday), months and hours are in the USER's time zone'; what a month contributed is in UTC."""
    events, others = conformed.events, conformed.episode_events
    return Tables(
        events={(event.track, event.played_at): event for event in events},
        track_months={
            of: track_stats(plays)
            for of, plays in grouped(events, lambda e: [(first_of_month(e.played_at, UTC), e.track)]).items()
        },
        track_stats={track: track_stats(plays) for track, plays in grouped(events, lambda e: [e.track]).items()},
        song_stats={
            song: track_stats(plays) for song, plays in grouped(events, lambda e: [catalog.song(e.track)]).items()
        },
        artist_stats={
            artist: track_stats(plays)
            for artist, plays in grouped(events, lambda event: catalog.credits(event.track)).items()
        },
        year_top_tracks={
            year: top_tracks(totals(plays, lambda play: [play.track]))
            for year, plays in grouped(events, lambda event: [event.played_at.astimezone(zone).year]).items()
        },
        year_top_songs={
            year: top_songs(totals(plays, lambda play: [catalog.song(play.track)]))
            for year, plays in grouped(events, lambda event: [event.played_at.astimezone(zone).year]).items()
        },
        bucket_stats={
            bucket: BucketStats(*total(plays), unique_tracks=len({play.track for play in plays}))
            for bucket, plays in grouped(events, lambda event: buckets(event.played_at, zone)).items()
        },
        hour_stats=totals(events, lambda event: [event.played_at.astimezone(zone).hour]),
        totals=total(events),
        album_stats={
            album: track_stats(plays) for album, plays in grouped(events, lambda e: [catalog.album(e.track)]).items()
        },
        weekday_hour_months=totals(
            events, lambda e: [(first_of_month(e.played_at, UTC), *weekday_hour(e.played_at, zone))]
        ),
        weekday_hour_stats=totals(events, lambda e: [weekday_hour(e.played_at, zone)]),
        context_months=totals(
            events,
            lambda e: [(first_of_month(e.played_at, UTC), *way) for way in ways_heard(e, catalog).items()],
        ),
        context_stats=totals(
            events, lambda e: [way for way in ways_heard(e, catalog).items() if way[0] != "SHARE_HEARD"]
        ),
        episode_events=others,
        episode_bucket_stats=totals(others, lambda e: [(e.kind, bucket) for bucket in buckets(e.played_at, zone)]),
        episode_hour_stats=totals(others, lambda e: [(e.kind, e.played_at.astimezone(zone).hour)]),
        as_spotify_counts=as_spotify_counts(conformed),
    )


def as_spotify_counts(conformed: Conformed) -> dict[date, Streamed]:
    """'Streams of 30 s and more, in UTC days, podcasts included': each month that has any."""

    def months(of: Event | EpisodeEvent) -> list[date]:
        return [first_of_month(of.played_at, UTC)]

    heard = [one for one in conformed.episode_events if one.ms_played >= STREAM_FROM_MS]
    music = totals([event for event in conformed.events if event.ms_played >= STREAM_FROM_MS], months)
    podcasts = totals([one for one in heard if one.kind is Kind.EPISODE], months)
    others = totals([one for one in heard if one.kind is not Kind.EPISODE], months)
    found = {}
    for month in {*music, *podcasts, *others}:
        parts = [one.get(month, Totals(0, 0)) for one in (music, podcasts, others)]
        everything = Totals(sum(one.play_count for one in parts), sum(one.total_ms for one in parts))
        found[month] = Streamed(everything, *parts[:2])
    return found


def streamed_tracks(conformed: Conformed, first: date, last: date) -> dict[TrackKey, Totals]:
    """As Spotify counts: 'streams of 30 s and more, in UTC days', without those of private sessions."""
    return totals(
        [
            event
            for event in conformed.events
            if event.ms_played >= STREAM_FROM_MS
            and first <= event.played_at.astimezone(UTC).date() <= last
            and not (event.context and event.context.incognito)
        ],
        lambda event: [event.track],
    )


def weekday_hour(moment: datetime, zone: tzinfo) -> tuple[int, int]:
    local = moment.astimezone(zone)
    return local.isoweekday(), local.hour


PLATFORM_FAMILIES = {
    "ios": "ios",
    "Android OS 7.0 API 24 (samsung, SM-G935F)": "android",
    "Partner sonos_imx6 Sonos;Beam;;tpapi": "speaker",
    "Android OS 9 API 28 (samsung, SM-G960F)": "android",
    "Android OS 8.1.0 API 27 (Xiaomi, Redmi 5)": "android",
    "android": "android",
    "OS X 10.15.7 [x86 8]": "macos",
    "osx": "macos",
    "Windows 10 (10.0.18363; x64; AppX)": "windows",
    "windows": "windows",
    "Linux [x86-64 0]": "linux",
    "linux": "linux",
    "web_player windows 10;chrome 118.0.0.0;desktop": "web",
    None: "unknown",
}
"""Of the platforms that generated histories and the sample's have."""


def ways_heard(event: Event, catalog: Catalog) -> dict[str, str]:
    """By dimension how a play was heard; 'unknown' in those that its sources do not tell."""
    context = event.context or Context(*[None] * 8)
    duration_ms = catalog.shown(event.track).duration_ms
    return {
        "PLATFORM": PLATFORM_FAMILIES[context.platform],
        "COUNTRY": context.country if context.country not in (None, "", "ZZ") else "unknown",
        "REASON_START": context.reason_start or "unknown",
        "REASON_END": context.reason_end or "unknown",
        "SHUFFLE": flag(context.shuffle),
        "OFFLINE": flag(context.offline),
        "INCOGNITO": flag(context.incognito),
        "SKIP": flag(event.is_skip),
        "SHARE_HEARD": "unknown" if duration_ms is None or event.is_estimated else share(event.ms_played, duration_ms),
    }


def flag(value: bool | None) -> str:
    return "unknown" if value is None else "true" if value else "false"


def share(ms_played: int, duration_ms: int) -> str:
    percent = Fraction(100 * ms_played, duration_ms)
    if percent >= 95:
        return "95% or more"
    if percent >= 75:
        return "75% to 95%"
    if percent >= 50:
        return "50% to 75%"
    return "25% to 50%" if percent >= 25 else "under 25%"


def top_tracks(played: Mapping[TrackKey, Totals]) -> TopTracks:
    return TopTracks(*most_played(played))


def top_songs(played: Mapping[Song, Totals]) -> TopSongs:
    return TopSongs(*most_played(played))


def most_played(played: Mapping[K, Totals]) -> tuple[dict[K, Totals], tuple[Totals, int] | None]:
    kept = dict(sorted(played.items(), key=lambda item: item[1], reverse=True)[:TOP_TRACKS])
    if len(kept) < TOP_TRACKS:
        return kept, None
    last = min(kept.values())
    return {one: counts for one, counts in kept.items() if counts != last}, (last, list(kept.values()).count(last))


def buckets(played_at: datetime, zone: ZoneInfo) -> list[Bucket]:
    day = played_at.astimezone(zone).date()
    return [("DAY", day), ("WEEK", day - timedelta(days=day.weekday())), ("MONTH", day.replace(day=1))]


def first_of_month(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date().replace(day=1)


def grouped(events: Iterable[E], keys: Callable[[E], Iterable[K]]) -> dict[K, list[E]]:
    groups: dict[K, list[E]] = {}
    for event in events:
        for group in keys(event):
            groups.setdefault(group, []).append(event)
    return groups


def totals(events: Iterable[E], keys: Callable[[E], Iterable[K]]) -> dict[K, Totals]:
    return {group: total(plays) for group, plays in grouped(events, keys).items()}


def total(events: Sequence[Event] | Sequence[EpisodeEvent]) -> Totals:
    """'play_count counts listening events', skips too."""
    return Totals(len(events), sum(event.ms_played for event in events))


def track_stats(plays: Sequence[Event]) -> TrackStats:
    ends = [play.played_at for play in plays]
    return TrackStats(*total(plays), first_played_at=min(ends), last_played_at=max(ends))
