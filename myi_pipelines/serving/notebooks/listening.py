"""What one listener played, question by question, as DataFrames: those of the API, with its ranges and its filters."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple, TypeAlias, get_args, overload

import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv

from myi_pipelines.serving.api.meta import meta_about
from myi_pipelines.serving.notebooks.arguments import id_of, require_one_of, require_text, rows_of
from myi_pipelines.serving.notebooks.frames import (
    DAY,
    INSTANT,
    MONTH,
    YEAR,
    Backend,
    Columns,
    arrow_type,
    frame_of,
    table_of,
)
from myi_pipelines.serving.notebooks.reader import Reader
from myi_pipelines.serving.queries import activity as activities
from myi_pipelines.serving.queries import discoveries, history, milestones, music, search, tops
from myi_pipelines.serving.queries.activity import Step
from myi_pipelines.serving.queries.history import COPIED, Before
from myi_pipelines.serving.queries.listeners import (
    Freshness,
    find_listener,
    freshness,
    listeners,
)
from myi_pipelines.serving.queries.scope import (
    NO_FILTERS,
    Days,
    Filters,
    Listener,
    Measure,
    NamedRange,
    Scope,
    parse_range,
)
from myi_pipelines.serving.queries.tops import EACH, Item, Kind, Ranked
from myi_pipelines.warehouse.database.connections import Connection

KindOfTop: TypeAlias = Literal["songs", "tracks", "artists", "albums", "genres", "shows"]
KindOfNew: TypeAlias = Literal["songs", "artists", "albums"]
Length: TypeAlias = Literal["day", "week", "month", "year"]
By: TypeAlias = Literal["plays", "time"]

ALL = 10_000_000
"""Rows of a list without a limit."""
_WEEKS_END = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
"""By the day on which weeks begin, 0 is Monday."""

_COUNTS = {"play_count": "int64", "total_ms": "int64"}
_BEFORE = {"rank_before": "Int64", "play_count_before": "Int64", "total_ms_before": "Int64"}
_ITEM = {"id": "int64", "name": "str", "artist": "str", "artist_id": "Int64", "album": "str", "album_id": "Int64"}
_EVER = {
    "spotify_id": "str",
    "duration_ms": "Int64",
    "ever_play_count": "int64",
    "ever_total_ms": "int64",
    "first_played_at": INSTANT,
    "last_played_at": INSTANT,
}
_TOP = {"rank": "int64", **_ITEM, **_COUNTS, "recordings": "Int64", **_BEFORE, **_EVER}
_COPIED = {
    "id": "int64",
    "played_at": INSTANT,
    "track_id": "int64",
    "ms_played": "int64",
    "is_skip": "bool",
    "is_estimated": "bool",
    "source": "category",
    "platform": "category",
    "platform_family": "category",
    "country": "category",
    "reason_start": "category",
    "reason_end": "category",
    "shuffle": "boolean",
    "offline": "boolean",
    "incognito": "boolean",
}
_TRACK = {
    "track": "str",
    "artist": "str",
    "artist_id": "Int64",
    "album": "str",
    "album_id": "Int64",
    "spotify_id": "str",
    "duration_ms": "Int64",
}
_PLAY: Columns = {
    "id": "int64",
    "played_at": INSTANT,
    "started_at": INSTANT,
    "track_id": "int64",
    **_TRACK,
    **{name: kind for name, kind in _COPIED.items() if name not in ("id", "played_at", "track_id")},
}
_OTHER_PLAY: Columns = {
    "id": "int64",
    "played_at": INSTANT,
    "kind": "category",
    "ms_played": "int64",
    "name": "str",
    "show": "str",
    "author": "str",
    "spotify_id": "str",
    "show_key": "str",
    "platform_family": "category",
    "country": "category",
}


class NotExact(UserWarning):
    """Something is missing in an answer: ``attrs`` of the frame says what."""


class Question(NamedTuple):
    """A question that is being answered, over a connection that sees one instant."""

    conn: Connection
    listener: Listener
    today: date
    range: NamedRange
    scope: Scope
    fresh: Freshness

    def compared(self, against: str | None) -> Days | None:
        """The days of another range; those before for ``before``. Raises InvalidRange."""
        if against is None:
            return None
        require_text("against", against, "before")
        return self.range.days_before if against == "before" else parse_range(against, self.today, self.listener).days


class Listening:
    """What one listener played, as DataFrames.

    ``range`` names local days as the API does: ``7d``, ``4w``, ``day``, ``week``, ``month``, ``year``, ``all``,
    ``2024``, ``2024-05``, ``2024-W07``, ``2024-05-03``, ``2024-01-03..2024-02-05``. ``attrs`` of a frame say whose it
    is, of which days and as of when, as ``meta`` of the API's answers; what is missing in it also warns: ``NotExact``.
    Every method raises InvalidRange for a text that is no range, ValueError for another argument that cannot be meant,
    UnknownUser for a listener who is gone, and ServerUnreachable while PostgreSQL is away.
    """

    def __init__(
        self, reader: Reader, user: str, *, filters: Filters = NO_FILTERS, dtype_backend: Backend = None
    ) -> None:
        self.user = user
        self._reader = reader
        self._filters = filters
        self._backend = dtype_backend

    def __repr__(self) -> str:
        chosen = [f"{name}={value!r}" for name, value in self._filters._asdict().items() if value is not None]
        return f"<Listening of {self.user}{', ' if chosen else ''}{', '.join(chosen)}>"

    def close(self) -> None:
        """End the connection. The next question opens another."""
        self._reader.close()

    def of(self, user: str) -> Listening:
        """The same of another listener, without filters."""
        with self._reader.reading() as conn:
            name = find_listener(conn, user).name
        return Listening(self._reader, name, dtype_backend=self._backend)

    def where(
        self,
        artist: int | None = None,
        album: int | None = None,
        genre: str | None = None,
        platform: str | None = None,
        skipped: bool | None = None,
    ) -> Listening:
        """The same of some plays only: by the id of an artist or an album, by genre, by family of platforms, skipped
        or not. In place of what was chosen before."""
        for name, text, example in (("genre", genre, "jazz"), ("platform", platform, "ios")):
            if text is not None:
                require_text(name, text, example)
        if skipped not in (None, True, False):
            raise ValueError(f"skipped={skipped!r}: expected True, False or None")
        filters = Filters(id_of("artist", artist), id_of("album", album), genre, platform, skipped)
        return Listening(self._reader, self.user, filters=filters, dtype_backend=self._backend)

    def users(self) -> pd.DataFrame:
        """The listeners of the warehouse, by name, with plays and time of all, and whether they may be compared."""
        columns = {"id": "int64", "name": "str", "display_name": "str", **_COUNTS, "last_day": DAY}
        columns |= {"allows_comparison": "bool"}
        with self._reader.reading() as conn:
            rows = listeners(conn, each=ALL)
            zone = find_listener(conn, self.user).timezone
        return frame_of(columns, table_of(columns, rows), zone, self._backend)

    @overload
    def plays(self, range: str = "all") -> pd.DataFrame: ...

    @overload
    def plays(self, range: str = "all", *, chunks: int) -> Iterator[pd.DataFrame]: ...

    def plays(self, range: str = "all", *, chunks: int | None = None) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """The plays of a range, the latest first.

        With ``chunks`` frames of at most so many rows, one after the other, in memory that does not grow with the
        range. Nothing is held in the warehouse between two of them: each is of an instant of its own.
        """
        if chunks is None:
            with self._asked(range) as asked:
                table, archived = self._copied(asked)
                return self._frame(asked, _PLAY, table, archived)
        return self._chunks(range, rows_of("chunks", chunks))

    def other_plays(self, range: str = "all") -> pd.DataFrame:
        """The plays of a range that are not music, the latest first: podcasts, audiobooks, videos, what has no name.
        Filters do not reach them."""
        with self._asked(range) as asked:
            found = history.other_plays(asked.conn, asked.scope, each=ALL)
            rows = [(*one[:8], one.show_key and str(one.show_key), *one[9:]) for one in found]
            return self._frame(asked, _OTHER_PLAY, table_of(_OTHER_PLAY, rows))

    def top(
        self,
        kind: KindOfTop,
        range: str = "all",
        *,
        by: By = "plays",
        limit: int | None = EACH,
        against: str | None = None,
    ) -> pd.DataFrame:
        """The most played songs, tracks (recordings), artists, albums, genres or shows of a range.

        ``limit=None`` gives all. ``against`` tells each one's place in another range, or in the one ``before``.
        """
        require_one_of("kind", kind, get_args(KindOfTop))
        each = _each(limit)
        with self._asked(range, by) as asked:
            if kind == "genres":
                return self._top_genres(asked, each, against)
            if kind == "shows":
                return self._top_shows(asked, each)
            of = Kind(kind.removesuffix("s"))
            found = tops.tops(asked.conn, asked.scope, [of], each=each, before=asked.compared(against))[of]
            rows = [
                (
                    *(row.rank, *_named(row.item), row.play_count, row.total_ms, row.recordings),
                    *(row.before or (None, None, None)),
                    *_ever(row.item),
                )
                for row in found.rows
            ]
            return self._frame(asked, _TOP, table_of(_TOP, rows), found.archived)

    def totals(self, range: str = "all", *, against: str = "before") -> pd.DataFrame:
        """Plays and time of a range, of another one (the one before) and of the same days of the year before, as far
        as there are plays: by ``current``, ``before`` and ``year_before``."""
        columns = {"of": "str", "first_day": DAY, "last_day": DAY, **_COUNTS, "days_with_plays": "Int64"}
        with self._asked(range) as asked:
            spans = (asked.range.days, asked.compared(against), asked.range.days_year_before)
            found = activities.compared(asked.conn, asked.scope, spans[1], spans[2])
            rows = [
                (name, days.first, days.last, one.play_count, one.total_ms, one.days_with_plays)
                for name, days, one in zip(("current", "before", "year_before"), spans, found, strict=True)
                if days and one
            ]
            archived = [month for one in found if one for month in one.archived]
            return self._frame(asked, columns, table_of(columns, rows), sorted({*archived})).set_index("of")

    def activity(self, step: Length = "month", range: str = "all") -> pd.DataFrame:
        """Plays and time of each day, week, month or year of a range, those without plays too, by period.

        ``first`` and ``last`` are the days of it that lie in the range. Weeks begin on the listener's day.
        """
        require_one_of("step", step, get_args(Length))
        with self._asked(range) as asked:
            found = activities.activity(asked.conn, asked.scope, Step(step))
            week = f"period[W-{_WEEKS_END[asked.listener.week_starts_on]}]"
            period = {"day": DAY, "week": week, "month": MONTH, "year": YEAR}[step]
            columns = {step: period, "first": DAY, "last": DAY, **_COUNTS}
            rows = [(one.first, *one) for one in found.buckets]
            return self._frame(asked, columns, table_of(columns, rows), found.archived).set_index(step)

    def clock(self, range: str = "all") -> pd.DataFrame:
        """Plays and time by hour of the local week, 0 is Monday. Hours without plays are left out."""
        columns = {"weekday": "int64", "hour": "int64", **_COUNTS}
        with self._asked(range) as asked:
            found = activities.clock(asked.conn, asked.scope)
            return self._frame(asked, columns, table_of(columns, found.cells), found.archived)

    def ways(self, range: str = "all") -> pd.DataFrame:
        """How the plays of a range were heard: by dimension (platform, country, shuffle, …) and value."""
        columns = {"dimension": "category", "value": "category", **_COUNTS}
        with self._asked(range) as asked:
            rows, archived = activities.ways(asked.conn, asked.scope)
            return self._frame(asked, columns, table_of(columns, rows), archived)

    def sessions(self, range: str = "all") -> pd.DataFrame:
        """Plays without a long gap, in order: the listener set how long, else 30 minutes."""
        columns = {"started_at": INSTANT, "ended_at": INSTANT, **_COUNTS, "first_track_id": "int64"}
        with self._asked(range) as asked:
            found = history.sessions(asked.conn, asked.scope, each=None, latest=None)
            return self._frame(asked, columns, table_of(columns, sorted(found.longest)), found.archived)

    def streaks(self, range: str = "all") -> pd.DataFrame:
        """Local days in a row with plays, the longest first. ``is_current``: it goes on, or still can today."""
        columns = {"first": DAY, "last": DAY, "days": "int64", **_COUNTS, "is_current": "bool"}
        with self._asked(range) as asked:
            found = milestones.streaks(asked.conn, asked.scope, asked.today, each=ALL)
            rows = [
                (one.first, one.last, one.days, one.play_count, one.total_ms, one == found.current)
                for one in found.longest
            ]
            return self._frame(asked, columns, table_of(columns, rows), found.archived)

    def discoveries(self, range: str = "all") -> pd.DataFrame:
        """What was played for the first time ever in each local month of a range, and how much of it stayed.

        The filters ``platform`` and ``skipped`` do not apply.
        """
        numbers = ("songs", "songs_that_stayed", "artists", "artists_that_stayed", "albums")
        columns = {"month": MONTH, **dict.fromkeys(numbers, "int64")}
        with self._asked(range) as asked:
            rows = discoveries.discoveries(asked.conn, asked.scope)
            return self._frame(asked, columns, table_of(columns, rows)).set_index("month")

    def discovered(self, kind: KindOfNew, range: str = "all", *, limit: int | None = EACH) -> pd.DataFrame:
        """What was first played in a range, what was played most since first."""
        require_one_of("kind", kind, get_args(KindOfNew))
        each = _each(limit)
        with self._asked(range) as asked:
            found = discoveries.discovered(asked.conn, asked.scope, Kind(kind.removesuffix("s")), each=each)
            return self._items(asked, found)

    def releases(self, range: str = "all") -> pd.DataFrame:
        """Plays by the year in which their music was released; the year is missing where it is not known."""
        columns = {"year": "Int64", **_COUNTS}
        with self._asked(range) as asked:
            found = music.releases(asked.conn, asked.scope)
            return self._frame(asked, columns, table_of(columns, found.years), found.archived)

    def milestones(self) -> pd.DataFrame:
        """The plays of round numbers that were reached: the first, the 100th, the 1,000th and so on."""
        columns = {"number": "int64", "day": DAY, "played_at": INSTANT, "track_id": "Int64", **_TRACK}
        with self._asked("all") as asked:
            rows = [
                (one.number, one.day, one.played_at, *(_track(one.track) if one.track else [None] * (1 + len(_TRACK))))
                for one in milestones.milestones(asked.conn, asked.listener)
            ]
            return self._frame(asked, columns, table_of(columns, rows))

    def search(self, text: str, *, limit: int = EACH) -> pd.DataFrame:
        """Artists, albums and songs that the listener played whose names have every word of a text."""
        require_text("text", text, "queen")
        each = min(rows_of("limit", limit), ALL)
        with self._asked("all") as asked:
            return self._items(asked, search.search(asked.conn, asked.listener, text, each=each))

    @contextmanager
    def _asked(self, text: str, by: By = "plays") -> Iterator[Question]:
        require_text("range", text, "2024")
        require_one_of("by", by, get_args(By))
        with self._reader.reading() as conn:
            listener = find_listener(conn, self.user)
            today = datetime.now(UTC).astimezone(listener.timezone).date()
            named = parse_range(text, today, listener)
            scope = Scope(listener, named.days, Measure(by), self._filters)
            yield Question(conn, listener, today, named, scope, freshness(conn, listener))

    def _chunks(self, text: str, each: int) -> Iterator[pd.DataFrame]:
        before, rows = None, each
        while rows == each:
            with self._asked(text) as asked:
                table, archived = self._copied(asked, before, each)
                rows = table.num_rows
                frame = self._frame(asked, _PLAY, table, archived)
            if rows or before is None:
                yield frame
            if rows:
                before = Before(table["played_at"][-1].as_py(), table["track_id"][-1].as_py())

    def _copied(self, asked: Question, before: Before | None = None, each: int | None = None) -> tuple[Any, list[date]]:
        """A table of plays with their tracks, and the archived months."""
        written = io.BytesIO()
        copied = history.copy_history(asked.conn, asked.scope, written.write, before=before, each=each)
        written.seek(0)
        plays = _plays_in(written) if copied.rows else table_of(_COPIED, [])
        ids = pc.unique(plays["track_id"])
        named = tops.items(asked.conn, asked.listener, Kind.TRACK, ids.to_pylist())
        tracks = table_of({"track_id": "int64", **_TRACK}, map(_track, named.values()))
        at = pc.index_in(plays["track_id"], value_set=tracks["track_id"].combine_chunks())
        for name in _TRACK:
            plays = plays.append_column(name, tracks[name].take(at))
        lasted = pc.multiply(plays["ms_played"], 1_000).cast(pa.duration("us"))
        return plays.append_column("started_at", pc.subtract(plays["played_at"], lasted)), list(copied.archived)

    def _top_genres(self, asked: Question, each: int, against: str | None) -> pd.DataFrame:
        columns = {"rank": "int64", "genre": "str", **_COUNTS, **_BEFORE}
        found, archived = tops.top_genres(asked.conn, asked.scope, before=asked.compared(against))
        nowhere: Sequence[None] | Ranked = (None, None, None)
        rows = [(*one[:4], *(one.before or nowhere)) for one in found[:each]]
        return self._frame(asked, columns, table_of(columns, rows), archived)

    def _top_shows(self, asked: Question, each: int) -> pd.DataFrame:
        columns = {
            "rank": "int64",
            "kind": "category",
            "show": "str",
            "show_key": "str",
            "episode_count": "int64",
            **_COUNTS,
            "first_played_at": INSTANT,
            "last_played_at": INSTANT,
        }
        rows = [
            (*one[:3], one.show_key and str(one.show_key), *one[4:])
            for one in tops.top_shows(asked.conn, asked.scope, each=each)
        ]
        return self._frame(asked, columns, table_of(columns, rows))

    def _items(self, asked: Question, found: Iterable[Item]) -> pd.DataFrame:
        columns = {"kind": "category", **_ITEM, **_EVER}
        rows = [(one.kind.value, *_named(one), *_ever(one)) for one in found]
        return self._frame(asked, columns, table_of(columns, rows))

    def _frame(self, asked: Question, columns: Columns, table: Any, archived: Sequence[date] = ()) -> pd.DataFrame:
        """The frame of a table, which says what is known of it, and warns of what is missing."""
        frame = frame_of(columns, table, asked.listener.timezone, self._backend)
        meta = meta_about(asked.listener, asked.fresh, asked.range, asked.scope, archived)
        frame.attrs = dict(meta.model_dump(mode="json").items())
        missing = []
        if meta.deriving:
            missing.append(
                f"{meta.deriving.months} months are being derived: this is as of {meta.as_of:%Y-%m-%d %H:%M}"
            )
        if archived:
            missing.append(f"plays of {len(archived)} archived months are missing (`myi unarchive`)")
        if missing:
            warnings.warn("; ".join(missing), NotExact, stacklevel=3)
        return frame


def _each(limit: int | None) -> int:
    """How many rows of a list are asked for. Raises ValueError."""
    return ALL if limit is None else min(rows_of("limit", limit, or_all=True), ALL)


def _plays_in(written: io.BytesIO) -> Any:
    """The table of plays that were copied."""
    options = csv.ConvertOptions(
        column_types={name: arrow_type(kind) for name, kind in _COPIED.items()},
        null_values=[""],
        true_values=["t"],
        false_values=["f"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return csv.read_csv(
        written,
        read_options=csv.ReadOptions(column_names=list(COPIED)),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    )


def _named(item: Item) -> tuple[Any, ...]:
    """What the columns ``_ITEM`` say of an item."""
    return item.id, item.name, item.artist, item.artist_id, item.album, item.album_id


def _ever(item: Item) -> tuple[Any, ...]:
    """What the columns ``_EVER`` say of an item."""
    return (
        *(item.spotify_id, item.duration_ms, item.play_count, item.total_ms),
        *(item.first_played_at, item.last_played_at),
    )


def _track(item: Item) -> tuple[Any, ...]:
    """The id of a recording, and what the columns ``_TRACK`` say of it."""
    return (*_named(item), item.spotify_id, item.duration_ms)
