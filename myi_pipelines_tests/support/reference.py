"""The rules of the warehouse once more, slow and obvious, in plain Python: landed plays in, all events and stats out.

It is written from the design's text and shares nothing with the SQL that it checks; tracks are named by what a listener
knows (a Spotify id, or a pair of name keys), never by a surrogate id. No database, no tests and no generators here.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from myi_pipelines.sources.exports import Play, Track

NameKeys: TypeAlias = tuple[str, str]  # key(name), key(artist)
TrackKey: TypeAlias = str | NameKeys  # a Spotify id, or for account data the names
EventKey: TypeAlias = tuple[TrackKey, datetime]
Bucket: TypeAlias = tuple[str, date]  # DAY, WEEK or MONTH, and its first day

MIN_PLAY_MS = 5_000
SKIP_BELOW_MS = 30_000
NEAR = timedelta(seconds=3)
MINUTE = timedelta(minutes=1)
TOP_TRACKS = 50


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

    def relinked(self, aliases: Mapping[str, str]) -> "Landing":
        """'A track is one row however many Spotify ids were relinked to it': as if it had always had the one."""

        def one(spotify_id: str) -> str:
            return aliases.get(spotify_id, spotify_id)

        tracks = [track._replace(spotify_id=track.spotify_id and one(track.spotify_id)) for track, *_ in self.plays]
        plays = [play._replace(track=track) for play, track in zip(self.plays, tracks, strict=True)]
        return self._replace(plays=plays, polled=[row._replace(spotify_id=one(row.spotify_id)) for row in self.polled])


class Reply(NamedTuple):
    """What Spotify said when asked for an object; None: it knows the id no more."""

    object_type: str  # track, album or artist
    asked_id: str
    payload: Mapping[str, Any] | None


class Metadata(NamedTuple):
    """All that Spotify's replies told, by the id that was asked for: each field as told last."""

    objects: dict[tuple[str, str], dict[str, Any]]
    full: set[tuple[str, str]]
    """What was told as a whole, not only mentioned in something else."""
    relinks: set[tuple[str, str]]
    searches: dict[NameKeys, str]
    """Account data's names → the track that a search found for them."""

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
    source: str  # API or IMPORT

    @property
    def is_estimated(self) -> bool:
        return self.source == "API"

    @property
    def is_skip(self) -> bool:
        return self.ms_played < SKIP_BELOW_MS


class Conformed(NamedTuple):
    events: list[Event]
    upgrades: dict[EventKey, EventKey]  # a polled row that gave way → the extended row's event


class Shown(NamedTuple):
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

    def told(self, track: TrackKey) -> dict[str, Any]:
        return self.metadata.objects.get(("track", track), {}) if isinstance(track, str) else {}

    def names(self, track: TrackKey) -> NameKeys | None:
        """The names under which a track meets account data: those of exports if they give both, else Spotify's."""
        exported = name_keys(self.tracks[track]) if track in self.tracks else None
        told = self.told(track)
        if exported is None and "name" in told and "artists" in told:
            return key(told["name"]), key(told["artists"][0]["name"])
        return exported

    def credits(self, track: TrackKey) -> list[str]:
        """The artists of a track: ids where Spotify told of them, else whoever answers to the exports' name."""
        if "artists" in (told := self.told(track)):
            return list(dict.fromkeys(artist["id"] for artist in told["artists"]))
        artist = self.tracks[track].artist if track in self.tracks else None
        return [] if artist is None else [self.metadata.artist_called(artist)]

    def artist_name(self, artist: str) -> str:
        known = self.metadata.named("artist")
        return str(known[artist]["name"]) if artist in known else self.artists[artist]

    def shown(self, track: TrackKey) -> Shown:
        """The names of a track, its artists and album: Spotify's, else each in the spelling that was played last."""
        _, name, artist, album, _ = self.tracks.get(track, Track(None, None, None, None))
        told, albums = self.told(track), self.metadata.named("album")
        album_id = told["album"]["id"] if "album" in told else album and self.metadata.album_called(album, artist)
        if album_id:
            album = albums[album_id]["name"]
        elif album is not None:
            album = self.albums[key(album), None if artist is None else key(artist)]
        return Shown(
            told.get("name", name),
            [self.artist_name(one) for one in self.credits(track)],
            album,
            told.get("duration_ms"),
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


class BucketStats(NamedTuple):
    play_count: int
    total_ms: int
    unique_tracks: int


class Tables(NamedTuple):
    """One listener's share of the warehouse, each table keyed by the grain of its rows."""

    events: dict[EventKey, Event]
    track_months: dict[tuple[date, TrackKey], TrackStats]
    track_stats: dict[TrackKey, TrackStats]
    artist_stats: dict[str, Totals]
    year_top_tracks: dict[int, TopTracks]
    bucket_stats: dict[Bucket, BucketStats]
    hour_stats: dict[int, Totals]
    totals: Totals


def derive(
    landed: Mapping[str, Landing], min_play_ms: int = MIN_PLAY_MS, metadata: Metadata | None = None
) -> dict[str, Tables]:
    """Everything right of the landing layer, per listener. They share one catalog, so they are derived together."""
    metadata = metadata or metadata_of([])
    landed = {user: landing.relinked(metadata.aliases) for user, landing in landed.items()}
    catalog = catalog_of((play for landing in landed.values() for play in landing.plays), metadata)
    return {
        user: aggregate(conform(landing, catalog, min_play_ms).events, catalog, ZoneInfo(landing.timezone))
        for user, landing in landed.items()
    }


# ── Catalog ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def key(name: str) -> str:
    """The normalized name: NFKC, runs of whitespace collapsed to one space, trimmed, lowercase."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).lower()


def name_keys(track: Track) -> NameKeys | None:
    return None if track.name is None or track.artist is None else (key(track.name), key(track.artist))


def metadata_of(replies: Iterable[Reply], searches: Mapping[NameKeys, str] | None = None) -> Metadata:
    """'A field that the reply lacks never erases what is stored', a mention never replaces what a whole object said."""
    metadata = Metadata({}, set(), set(), dict(searches or {}))
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


def catalog_of(plays: Iterable[Play], metadata: Metadata | None = None) -> Catalog:
    """Of all the names that exports gave a row, those played last; ties go to the greatest in C (code point) order."""
    last_played_at: dict[Track, datetime] = {}
    for play in plays:  # too short ones too: they are landed, and they name their track
        last_played_at[play.track] = max(play.played_at, last_played_at.get(play.track, play.played_at))

    catalog = Catalog({}, {}, {}, metadata or metadata_of([]))
    for track in sorted(last_played_at, key=lambda t: (has_names(t), last_played_at[t], texts(t))):
        catalog.tracks[catalog.metadata.track_key(track)] = track
    for track in sorted(last_played_at, key=lambda t: (last_played_at[t], t.artist or "")):
        if track.artist is not None:
            catalog.artists[key(track.artist)] = track.artist
    for track in sorted(last_played_at, key=lambda t: (last_played_at[t], t.album or "")):
        if track.album is not None:
            catalog.albums[key(track.album), None if track.artist is None else key(track.artist)] = track.album
    return catalog


def texts(track: Track) -> tuple[str, str, str]:
    return track.name or "", track.artist or "", track.album or ""


def has_names(track: Track) -> bool:
    """Names that went missing from a later export do not take known ones away."""
    return track.name is not None and track.artist is not None


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """A row that counts, of any source."""

    track: TrackKey
    names: NameKeys | None
    played_at: datetime
    ms_played: int
    is_account: bool = False

    @property
    def key(self) -> EventKey:
        return self.track, self.played_at

    @property
    def started_at(self) -> datetime:
        return self.played_at - timedelta(milliseconds=self.ms_played)


def conform(landing: Landing, catalog: Catalog, min_play_ms: int = MIN_PLAY_MS) -> Conformed:
    """One listener's events. 'An export row beats an API row …, an extended row beats an account-data row.'"""
    # "A play becomes an event when it lasts min_play_ms or more": the others play no part in anything below.
    counting = [play for play in landing.plays if play.ms_played is not None and play.ms_played >= min_play_ms]
    extended = [play for play in counting if play.track.spotify_id is not None]
    account = [play for play in counting if play.track.spotify_id is None]

    # "An extended row beats an account-data row of the same name and artist whose minute matches": the minute in which
    # the play ended, or for an offline play the one in which Spotify heard of it. A shorter duplicate beats it as well,
    # and so does one of other names that is known to be the same track.
    track_key = catalog.metadata.track_key
    told = {
        (one, minute(at))
        for play in extended
        for one in (name_keys(play.track), track_key(play.track))
        for at in (play.played_at, play.stopped_at)
    }
    account = [
        play
        for play in sorted(account, key=lambda play: texts(play.track), reverse=True)
        if not told & {(name_keys(play.track), play.played_at), (track_key(play.track), play.played_at)}
    ]

    # "Within one source only (user, track, played_at) dedupes (the longest ms_played wins): no time windows."
    exports = longest(export_row(play, catalog) for play in extended)
    exports += longest(export_row(play, catalog) for play in account)
    polled = longest(
        polled_row(row, catalog, row.duration_ms)
        for row in landing.polled
        if row.duration_ms is not None and row.duration_ms >= min_play_ms
    )

    # "Matched one to one, nearest first, when their ends lie within 3 s, or the export's start within 3 s of the API's
    # played_at": all ends first, then starts among what is left, then the minutes of account data.
    pairs: dict[EventKey, EventKey] = {}
    for distance in (between_ends, from_start, outside_minute):
        left_exports = [row for row in exports if row.key not in pairs.values()]
        left_polled = [row for row in polled if row.key not in pairs]
        pairs |= nearest_first(left_exports, left_polled, distance)

    # "The API row's event is then updated, never doubled": an extended row takes its place. Account data knows only the
    # minute and the names, so there the polled row's track and time stay, and only the length is learned.
    by_key = {row.key: row for row in exports}
    upgrades = {polled_key: other for polled_key, other in pairs.items() if not by_key[other].is_account}
    lengths = {polled_key: by_key[other].ms_played for polled_key, other in pairs.items() if polled_key not in upgrades}
    told_by_polls = {other for polled_key, other in pairs.items() if polled_key in lengths}
    told_by_polls |= {row.key for row in polled if row.key not in upgrades}  # one identity is one event

    events = [
        Event(row.track, row.played_at, row.ms_played, "IMPORT") for row in exports if row.key not in told_by_polls
    ]
    events += [Event(row.track, row.played_at, lengths[row.key], "IMPORT") for row in polled if row.key in lengths]
    events += [Event(row.track, row.played_at, row.ms_played, "API") for row in polled if row.key not in pairs]
    return Conformed(events, upgrades)


def export_row(play: Play, catalog: Catalog) -> Row:
    track = catalog.metadata.track_key(play.track)
    return Row(track, name_keys(play.track), play.played_at, play.ms_played or 0, play.track.spotify_id is None)


def polled_row(row: Polled, catalog: Catalog, duration_ms: int) -> Row:
    """A polled row goes by the names that the catalog has for its track, if it has any."""
    return Row(row.spotify_id, catalog.names(row.spotify_id), row.played_at, duration_ms)


def minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def longest(rows: Iterable[Row]) -> list[Row]:
    best: dict[EventKey, Row] = {}
    for row in rows:
        if row.key not in best or row.ms_played > best[row.key].ms_played:
            best[row.key] = row
    return list(best.values())


def between_ends(export: Row, polled: Row) -> timedelta | None:
    """How far apart an extended and a polled row ended, or None when they cannot be the same play."""
    same = not export.is_account and export.track == polled.track
    return abs(export.played_at - polled.played_at) if same else None


def from_start(export: Row, polled: Row) -> timedelta | None:
    """Some devices report the start of a play."""
    same = not export.is_account and export.track == polled.track
    return abs(export.started_at - polled.played_at) if same else None


def outside_minute(export: Row, polled: Row) -> timedelta | None:
    """How far outside an account-data row's minute a row of the same names, or of the same track, was polled."""
    if not export.is_account or (export.names != polled.names and export.track != polled.track):
        return None
    too_early, too_late = export.played_at - polled.played_at, polled.played_at - (export.played_at + MINUTE)
    return max(too_early, too_late, timedelta(0))


def nearest_first(
    exports: Sequence[Row], polled: Sequence[Row], distance: Callable[[Row, Row], timedelta | None]
) -> dict[EventKey, EventKey]:
    """Pairs (polled → export) at most 3 s apart, each row in one pair, the nearest taken first."""
    candidates = []
    for export in exports:
        for row in polled:
            apart = distance(export, row)
            if apart is not None and apart <= NEAR:
                # ties: the earlier polled row, the lower id, the earlier export row, then the same track
                order = (apart, row.played_at, row.track, export.played_at, export.track != row.track)
                candidates.append((order, row.key, export.key))
    pairs: dict[EventKey, EventKey] = {}
    for _, polled_key, export_key in sorted(candidates, key=lambda candidate: candidate[0]):
        if polled_key not in pairs and export_key not in pairs.values():
            pairs[polled_key] = export_key
    return pairs


# ── Stats ────────────────────────────────────────────────────────────────────────────────────────────────────────────

K = TypeVar("K")


def aggregate(events: Sequence[Event], catalog: Catalog, zone: ZoneInfo) -> Tables:
    """'Days, weeks (ISO, Monday), months and hours are in the USER's time zone'; what a month contributed is in UTC."""
    return Tables(
        events={(event.track, event.played_at): event for event in events},
        track_months={
            of: track_stats(plays)
            for of, plays in grouped(events, lambda e: [(first_of_month(e.played_at, UTC), e.track)]).items()
        },
        track_stats={track: track_stats(plays) for track, plays in grouped(events, lambda e: [e.track]).items()},
        artist_stats=totals(events, lambda event: catalog.credits(event.track)),
        year_top_tracks={
            year: top_tracks(totals(plays, lambda play: [play.track]))
            for year, plays in grouped(events, lambda event: [event.played_at.astimezone(zone).year]).items()
        },
        bucket_stats={
            bucket: BucketStats(*total(plays), unique_tracks=len({play.track for play in plays}))
            for bucket, plays in grouped(events, lambda event: buckets(event.played_at, zone)).items()
        },
        hour_stats=totals(events, lambda event: [event.played_at.astimezone(zone).hour]),
        totals=total(events),
    )


def top_tracks(played: Mapping[TrackKey, Totals]) -> TopTracks:
    kept = dict(sorted(played.items(), key=lambda item: item[1], reverse=True)[:TOP_TRACKS])
    if len(kept) < TOP_TRACKS:
        return TopTracks(kept, None)
    last = min(kept.values())
    return TopTracks(
        {track: counts for track, counts in kept.items() if counts != last}, (last, list(kept.values()).count(last))
    )


def buckets(played_at: datetime, zone: ZoneInfo) -> list[Bucket]:
    day = played_at.astimezone(zone).date()
    return [("DAY", day), ("WEEK", day - timedelta(days=day.weekday())), ("MONTH", day.replace(day=1))]


def first_of_month(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date().replace(day=1)


def grouped(events: Iterable[Event], keys: Callable[[Event], Iterable[K]]) -> dict[K, list[Event]]:
    groups: dict[K, list[Event]] = {}
    for event in events:
        for group in keys(event):
            groups.setdefault(group, []).append(event)
    return groups


def totals(events: Iterable[Event], keys: Callable[[Event], Iterable[K]]) -> dict[K, Totals]:
    return {group: total(plays) for group, plays in grouped(events, keys).items()}


def total(events: Sequence[Event]) -> Totals:
    """'play_count counts listening events', skips too."""
    return Totals(len(events), sum(event.ms_played for event in events))


def track_stats(plays: Sequence[Event]) -> TrackStats:
    ends = [play.played_at for play in plays]
    return TrackStats(*total(plays), first_played_at=min(ends), last_played_at=max(ends))
