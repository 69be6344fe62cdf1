"""What was played most: songs, recordings, artists, albums, genres and shows of any range, with their ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql

from myi_pipelines.serving.queries.periods import Counted, clipped, counted, instants_of
from myi_pipelines.serving.queries.scope import Days, Listener, Measure, Scope
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

EACH = 50
"""Rows of a list."""


class Kind(StrEnum):
    """What a list ranks, of what has a number in the warehouse."""

    SONG = "song"
    TRACK = "track"
    """A recording."""
    ARTIST = "artist"
    ALBUM = "album"


class Item(NamedTuple):
    """A song, a recording, an artist or an album: what to show of it, and what the listener ever played of it."""

    kind: Kind
    id: int
    name: str
    """Of a song and a recording the Spotify id while the name is unknown."""
    artist: str | None
    """Of a song and an album the first artist, of a recording all; None of an artist, and while unknown."""
    artist_id: int | None
    """The first artist; an artist's own id."""
    album_id: int | None
    """Of a song that of its most played recording; an album's own id; None of an artist, and while unknown."""
    album: str | None
    image_url: str | None
    """Where Spotify has the picture; of songs and recordings that of the album."""
    spotify_id: str | None
    duration_ms: int | None
    """Of a song that of its most played recording; None of an artist and an album, and while unknown."""
    play_count: int
    """Of all time, as are the next four."""
    total_ms: int
    first_played_at: datetime | None
    """End of the first play; None if the listener never played it."""
    last_played_at: datetime | None

    @property
    def is_named(self) -> bool:
        return self.name != self.spotify_id


class Place(NamedTuple):
    """After which row a page of a list begins: the measures of its last row, in the order of the list."""

    play_count: int
    total_ms: int
    tie: int
    rank: int


class Ranked(NamedTuple):
    """A place in a list."""

    rank: int
    """From 1; no two items share one."""
    play_count: int
    total_ms: int


class TopRow(NamedTuple):
    """One row of a top list."""

    rank: int
    item: Item
    play_count: int
    """In the range, as ``total_ms``."""
    total_ms: int
    recordings: int | None
    """Of a song, an artist or an album: how many tracks of it were played; None where all of all time are listed."""
    before: Ranked | None
    """In the period before; None if it was not played then, or none was asked for."""


class TopList(NamedTuple):
    """A page of a top list."""

    rows: list[TopRow]
    items: int
    """How many were played at all."""
    next: Place | None
    """Where the next page begins; None after the last."""
    archived: tuple[date, ...]
    """UTC months whose plays are in the archive and missing here; empty: the list is exact."""


class TopGenre(NamedTuple):
    """One row of the genres."""

    rank: int
    genre: str
    play_count: int
    total_ms: int
    before: Ranked | None


class TopShow(NamedTuple):
    """A podcast's show, an audiobook, or what names none, by kind."""

    rank: int
    kind: str
    """EPISODE: a show; CHAPTER: an audiobook; VIDEO; UNIDENTIFIED."""
    show: str | None
    show_key: UUID | None
    """Under which the show is found, however it is spelled; None without a name."""
    episode_count: int
    play_count: int
    total_ms: int
    first_played_at: datetime
    """In the range, as ``last_played_at``."""
    last_played_at: datetime


def tops(
    conn: Connection,
    scope: Scope,
    kinds: Iterable[Kind],
    *,
    each: int = EACH,
    after: Place | None = None,
    before: Days | None = None,
) -> dict[Kind, TopList]:
    """The most played items of some kinds in the scope, read at once; with ``before``, also their ranks in those days.

    Ranked by the scope's measure, then by the other one, then by the id. ``after`` continues a list of one kind.
    """
    asked = list(dict.fromkeys(kinds))
    found = counted(conn, scope)
    rows = _first(conn, found, asked, scope.measure, each=each + 1, after=after)
    lists = {}
    for kind in asked:
        lists[kind] = _list(
            conn, scope, kind, rows[kind], each=each, after=after, before=before, archived=found.archived
        )
    return lists


def leaders(
    conn: Connection, scope: Scope, kinds: Iterable[Kind], *, each: int
) -> tuple[dict[Kind, dict[int, Ranked]], tuple[date, ...]]:
    """The first places of some kinds by number, without what to show of them; the archived months that are missing."""
    asked, found = list(kinds), counted(conn, scope)
    rows = _first(conn, found, asked, scope.measure, each=each)
    places: dict[Kind, dict[int, Ranked]] = {}
    for kind in asked:
        ties = [row[0] for row in rows[kind]]
        ids = songs_of(conn, ties) if kind is Kind.SONG else {tie: tie for tie in ties}
        places[kind] = {ids[row[0]]: Ranked(rank, *row[2:4]) for rank, row in enumerate(rows[kind], 1)}
    return places, found.archived


def ranks(conn: Connection, scope: Scope, wanted: Mapping[Kind, Sequence[int]]) -> dict[Kind, dict[int, Ranked]]:
    """The places of some items of some kinds among all that were played in the scope; those not played are left out."""
    found = counted(conn, scope)
    parts, parameters = [], dict(found.parameters)
    for kind, ids in wanted.items():
        name = f"ids_{kind.value}"
        parameters[name] = list(ids)
        parts.append(
            statement("queries/rank_part").format(
                kind=sql.Literal(kind.value), played=_played(kind, found), ids=numbers(kind, name)
            )
        )
    ranked: dict[Kind, dict[int, Ranked]] = {kind: {} for kind in wanted}
    if not parts:
        return ranked
    query = statement("queries/tops").format(counted=found.query, parts=_union(parts))
    rows = conn.execute(query, parameters).fetchall()
    songs = songs_of(conn, [item for kind, item, *_ in rows if kind == Kind.SONG])
    for kind, item, *place in rows:
        ranked[Kind(kind)][songs[item] if kind == Kind.SONG else item] = Ranked(*place)
    return ranked


def items(conn: Connection, listener: Listener, kind: Kind, ids: Sequence[int]) -> dict[int, Item]:
    """What to show of some items of a kind, by id. Those that do not exist are left out."""
    if not ids:
        return {}
    rows = conn.execute(statement(f"queries/{kind.value}s"), {"user_id": listener.id, "ids": list(ids)})
    return {row[0]: Item._make((kind, *row[:9], row[9] or 0, row[10] or 0, *row[11:])) for row in rows}


def top_genres(
    conn: Connection, scope: Scope, *, before: Days | None = None
) -> tuple[list[TopGenre], tuple[date, ...]]:
    """All genres of what was played, the most played first, and the archived months that are missing.

    A play counts for each genre of its artists once.
    """
    found = counted(conn, scope)
    if not has_genres(conn, scope.listener):
        return [], found.archived  # Spotify tells most apps none, and MusicBrainz is off at first.
    earlier = _genres(conn, counted(conn, scope._replace(days=before))) if before else {}
    rows = _genres(conn, found)
    return [TopGenre(one.rank, genre, *one[1:], earlier.get(genre)) for genre, one in rows.items()], found.archived


def has_genres(conn: Connection, listener: Listener) -> bool:
    """Whether any genre is known of what a listener ever played."""
    return bool(fetch_scalar(conn, statement("queries/has_genres"), {"user_id": listener.id}))


def top_shows(conn: Connection, scope: Scope, *, each: int = EACH, skip: int = 0) -> list[TopShow]:
    """The most played shows and audiobooks, after the first ones. They are not music: filters do not reach them."""
    listener, days = scope.listener, scope.days
    instants = instants_of(conn, listener, days)
    parameters = {
        "user_id": listener.id,
        "zone": listener.timezone.key,
        "played_from": instants.first,
        "played_to": instants.end,
        "first_day": days.first,
        "last_day": days.last,
        "by_time": scope.measure is Measure.TIME,
        "each": each,
        "skipped_rows": skip,
    }
    rows = conn.execute(statement("queries/shows"), parameters)
    return [TopShow(rank, *row) for rank, row in enumerate(rows, skip + 1)]


def _first(
    conn: Connection,
    found: Counted,
    kinds: Sequence[Kind],
    measure: Measure,
    *,
    each: int,
    after: Place | None = None,
) -> dict[Kind, list[Any]]:
    """Of each kind the first rows after a place: tie, recordings, plays, milliseconds, number of all items."""
    parts = _union(
        statement("queries/top_part").format(kind=sql.Literal(kind.value), played=_played(kind, found))
        for kind in kinds
    )
    query = statement("queries/tops").format(counted=found.query, parts=parts)
    rows: dict[Kind, list[Any]] = {kind: [] for kind in kinds}
    for kind, *row in conn.execute(query, {**found.parameters, "each": each, "after": _place(after, measure)}):
        rows[Kind(kind)].append(row)
    # The union does not promise the order of its parts.
    return {kind: sorted(of_kind, key=lambda row: _order(row, measure)) for kind, of_kind in rows.items()}


def _genres(conn: Connection, found: Counted) -> dict[str, Ranked]:
    rows = conn.execute(statement("queries/genres").format(counted=found.query), found.parameters)
    return {genre: Ranked(rank, *row) for rank, (genre, *row) in enumerate(rows, 1)}


def played_items(kind: Kind) -> sql.SQL:
    """The items of a kind that were played, with their counts: from ``counted``. A song has the number of a track."""
    return statement(f"queries/played_{kind.value}s")


def numbers(kind: Kind, ids: str) -> sql.Composable:
    """An array of the numbers that ``played_items`` may give to some items of a kind. ``ids``: the parameter's name."""
    asked = sql.Placeholder(ids)
    # As one value: joined with a song's tracks, everything would be summed up once for each of them.
    return statement("queries/tracks_of_songs").format(ids=asked) if kind is Kind.SONG else asked


def measured_by(measure: Measure) -> dict[str, sql.Identifier]:
    """The columns by which a measure ranks: ``first``, and ``second`` where the first is equal."""
    columns = [sql.Identifier("play_count"), sql.Identifier("total_ms")]
    first, second = columns if measure is Measure.PLAYS else reversed(columns)
    return {"first": first, "second": second}


def _played(kind: Kind, found: Counted) -> sql.SQL:
    is_kept = found.is_ever and kind in (Kind.ARTIST, Kind.ALBUM)
    return statement(f"queries/ever_{kind.value}s") if is_kept else played_items(kind)


def _union(parts: Iterable[sql.Composable]) -> sql.Composable:
    return sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(part) for part in parts)


def _place(after: Place | None, measure: Measure) -> list[int] | None:
    if after is None:
        return None
    by = [after.play_count, after.total_ms]
    return [*(by if measure is Measure.PLAYS else by[::-1]), after.tie]


def _order(row: Sequence[Any], measure: Measure) -> tuple[int, int, int]:
    tie, _, play_count, total_ms, _ = row
    return (-total_ms, -play_count, tie) if measure is Measure.TIME else (-play_count, -total_ms, tie)


def _list(
    conn: Connection,
    scope: Scope,
    kind: Kind,
    rows: Sequence[Any],
    *,
    each: int,
    after: Place | None,
    before: Days | None,
    archived: tuple[date, ...],
) -> TopList:
    shown = rows[:each]
    ties = [row[0] for row in shown]
    ids = songs_of(conn, ties) if kind is Kind.SONG else {tie: tie for tie in ties}
    named = items(conn, scope.listener, kind, list(ids.values()))
    earlier: Mapping[int, Ranked] = {}
    if before is not None and shown and clipped(scope.listener, before).length:
        earlier = ranks(conn, scope._replace(days=before), {kind: list(ids.values())})[kind]
    first = after.rank + 1 if after else 1
    listed = [
        TopRow(rank, named[ids[tie]], play_count, total_ms, recordings, earlier.get(ids[tie]))
        for rank, (tie, recordings, play_count, total_ms, _) in enumerate(shown, first)
    ]
    last = shown[-1] if len(rows) > each else None
    following = Place(last[2], last[3], last[0], first + each - 1) if last else None
    return TopList(listed, rows[0][4] if rows else 0, following, archived)


def songs_of(conn: Connection, tracks: Sequence[int]) -> dict[int, int]:
    """The song of each track."""
    if not tracks:
        return {}
    return dict(conn.execute(statement("queries/songs_of_tracks"), {"ids": list(tracks)}).fetchall())
