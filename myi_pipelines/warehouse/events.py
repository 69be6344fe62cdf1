"""Conforming: the landed plays of a user-month, from all sources, become its listening events.

Each user-month is conformed in its own transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from myi_pipelines.warehouse.archive import UserMonthsArchived, require_present
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.corrections import hide_events, record_hidden_plays
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.database.temporary_tables import empty, tables_of
from myi_pipelines.warehouse.episode_events import merge_episodes, stage_mixed_episodes, stage_plain_episodes
from myi_pipelines.warehouse.partitions import (
    IMPORTED_PLAYS,
    LISTENING_EVENTS,
    POLLED_PLAYS,
    PartitionLoad,
    around,
    attach_month,
    ensure_partitions_visible,
    existing_months,
    index_statements,
    invalidate_partition_cache,
    month_of,
    next_month,
    starts_at,
    with_neighbours,
)
from myi_pipelines.warehouse.plain_months import PlainMonth, in_batches, stage_plain_months, write_plain_month
from myi_pipelines.warehouse.session import Failure, Session
from myi_pipelines.warehouse.shown_plays import SHOWN_FROM_MS, Exported, Play, Shown, match_shown_plays
from myi_pipelines.warehouse.user_months import (
    MATCH_WINDOW,
    Stage,
    UserMonth,
    clear_invalidation,
    invalidate,
    lock_user_month,
)

LONGEST_OFFLINE = timedelta(days=31)
"""A play that was heard offline is uploaded at most 30 days after its end: the reader of exports ignores later times.
One day is added."""

SKIP_BELOW_MS = 30_000
"""A shorter play is a skip: ``listening_events.is_skip``."""

TYPICAL_MS = 210_000
"""How long a play is taken for of which neither an export nor Spotify tells the length: three and a half minutes."""

TELLINGS = ((True, True), (True, False), (False, True))
"""How extended rows tell account-data plays, in this order: by song and length, by song, by length. Episodes and
chapters have names in place of the song."""


class Conformed(NamedTuple):
    """How the events of a user-month changed."""

    added: int = 0
    upgraded: int = 0
    """Polled plays of estimated length for which an export now gives the exact values."""
    updated: int = 0
    removed: int = 0
    unchanged: int = 0
    episodes_written: int = 0
    """Plays that are not music which were added, changed or removed."""
    more_episodes: int = 0
    """How many of them there are more than before; negative: fewer."""

    @property
    def written(self) -> int:
        """Listening events that were added, changed or removed."""
        return self.added + self.upgraded + self.updated + self.removed


class _CatalogIsBehind(Exception):
    """A play of the user-month names a track that the catalog has not taken in."""


class _MustBeAlone(Exception):
    """An event moves, perhaps to another month, so no other month of the user may be derived now."""


def conform_user_months(session: Session, user_months: Iterable[UserMonth]) -> Iterator[tuple[UserMonth, Conformed]]:
    """Derive the events of user-months from landing, each in its own transaction; yield what changed.

    Rows that are right already are not touched. Where events change, the transaction that clears the user-month's own
    invalidation invalidates it for statistics. Names that landed in the meantime are taken into the catalog first.
    Raises UserMonthsArchived when archived plays are needed and the session cannot restore them.
    """
    user_months = list(user_months)
    conns = session.connections[: max(1, len(user_months))]
    for conn in conns:
        open_workspace(conn, with_neighbours(user_month.month for user_month in user_months))
    months = {user_month.month for user_month in user_months}
    missing = months - existing_months(session.conn, LISTENING_EVENTS, months)
    indexes = index_statements(session.conn, LISTENING_EVENTS) if missing else []

    def conform(conn: Connection, batch: list[UserMonth]) -> list[tuple[UserMonth, Conformed | psycopg.Error]]:
        return list(_conform_batch(session.on(conn), batch, indexes))

    for _, results in map_on_connections(conns, in_batches(user_months, len(conns)), conform):
        for user_month, result in results:
            if isinstance(result, psycopg.Error):
                session.report_failure(Failure(user_month.user_id, user_month.month, result))
            else:
                yield user_month, result
    if missing:
        invalidate_partition_cache(session.conn, LISTENING_EVENTS)


def _conform_batch(
    session: Session, batch: Sequence[UserMonth], indexes: Sequence[sql.SQL]
) -> Iterator[tuple[UserMonth, Conformed | psycopg.Error]]:
    """Conform user-months of one user; yield what changed, or why the server refused it. Its loss is raised."""
    conn, plain, alone = session.conn, _stage_plain(session, batch), False
    for user_month in batch:
        try:
            written = None
            if user_month.month in plain:
                bounds = user_month_bounds(user_month, session.min_play_ms)
                written = write_plain_month(conn, user_month, plain[user_month.month], bounds, indexes)
            if written is None:
                conformed, alone = _conform_when_ready(session, user_month, indexes, alone=alone)
                yield user_month, conformed
            else:
                yield (
                    user_month,
                    Conformed(added=written.events, episodes_written=written.episodes, more_episodes=written.episodes),
                )
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            yield user_month, error


def _stage_plain(session: Session, batch: Sequence[UserMonth]) -> dict[date, PlainMonth]:
    """Derive those of the months that are plain and new at once, unless there is one month only."""
    if len(batch) == 1:
        return {}
    bounds = _bounds(batch[0].user_id, batch[0].month, batch[-1].month, session.min_play_ms)
    try:
        return stage_plain_months(session.conn, [user_month.month for user_month in batch], bounds)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return {}  # deriving them one by one shows which of them the server refuses


def _conform_when_ready(
    session: Session, user_month: UserMonth, indexes: Sequence[sql.SQL], *, alone: bool
) -> tuple[Conformed, bool]:
    """Conform a user-month, and return whether it was derived alone. First do what it needs: restore plays, take names
    into the catalog, wait to be ``alone``, as the month before had to be."""
    conn = session.conn
    while True:
        try:
            with conn.transaction():
                asynchronous_commit(conn)
                _lock(conn, user_month, alone=alone)
                return _conform(conn, user_month, session.min_play_ms, indexes, alone=alone), alone
        except _MustBeAlone:
            alone = True
        except _CatalogIsBehind:
            invalidate(conn, [user_month], Stage.EVENTS)
            sync_catalog(conn)
        except UserMonthsArchived as needed:
            if session.restore_archived is None:
                raise
            session.restore_archived(conn, needed.user_months)


def _lock(conn: Connection, user_month: UserMonth, *, alone: bool) -> None:
    """Take the locks for one user-month: beside others of its user, or alone with the months around it."""
    if alone:
        months = [shared(Lock.MONTH, month) for month in around(user_month.month)]
        acquire(conn, shared(Lock.ARCHIVE), *months, exclusive(Lock.USER, user_month.user_id))
    else:
        lock_user_month(conn, user_month)


def _conform(
    conn: Connection, user_month: UserMonth, min_play_ms: int, indexes: Sequence[sql.SQL], *, alone: bool
) -> Conformed:
    bounds = user_month_bounds(user_month, min_play_ms)
    sources = sources_of(conn, bounds)
    if sources.has_archived_months:
        reaches_out = not sources.is_plain or fetch_scalar(conn, statement("events/reaches_back"), bounds)
        require_present(conn, [user_month], with_neighbours=reaches_out)
    if sources.is_unlinked:
        raise _CatalogIsBehind
    clear_invalidation(conn, user_month, Stage.EVENTS)
    places = list[tuple[datetime]]()
    if stage_desired_events(conn, bounds, sources):
        places = conn.execute(statement("events/new_places"), bounds).fetchall()
    if places and not alone:
        raise _MustBeAlone
    conformed = _merge(conn, user_month, bounds, sources, indexes, [month_of(played_at) for (played_at,) in places])
    if sources.has_hidden_plays:
        record_hidden_plays(conn, user_month)
    if sources.has_episodes:
        merged = merge_episodes(conn, bounds)
        conformed = conformed._replace(episodes_written=sum(merged), more_episodes=merged.added - merged.removed)
    return conformed


class Sources(NamedTuple):
    """Which sources have plays in or around a user-month: the row of ``events/sources``."""

    has_account_data: bool
    has_shown_plays: bool
    """Plays of which only a moment is known: polled and submitted ones, and account data of before December 2018."""
    is_unlinked: bool
    has_archived_months: bool
    has_episodes: bool
    """Plays in the user-month that are not music, landed or derived."""
    has_hidden_plays: bool
    """Corrections hide plays of the user, in this month or any."""
    has_exact_plays: bool
    """Plays of exports that tell their length, with which others are compared."""
    has_events: bool
    """Events in or around the user-month, which may move or change."""

    @property
    def is_plain(self) -> bool:
        """There are only rows of the extended history, so nothing has to be compared with other sources."""
        return not (self.has_account_data or self.has_shown_plays)


def sources_of(conn: Connection, bounds: dict[str, Any]) -> Sources:
    """The sources of the user-month of these bounds."""
    return Sources(*fetch_row(conn, statement("events/sources"), bounds))


def user_month_bounds(user_month: UserMonth, min_play_ms: int) -> dict[str, Any]:
    """The parameters of the statements that derive a user-month."""
    return _bounds(user_month.user_id, user_month.month, user_month.month, min_play_ms)


def _bounds(user_id: int, first_month: date, last_month: date, min_play_ms: int) -> dict[str, Any]:
    """The parameters of the statements that derive a user's months from one to another."""
    first, end = starts_at(first_month), starts_at(next_month(last_month))
    return {
        "user_id": user_id,
        "user_ids": [user_id],
        "starts_at": first,
        "ends_at": end,
        "near_start": first - MATCH_WINDOW,
        "near_end": end + MATCH_WINDOW,
        "uploaded_from": first - MATCH_WINDOW - LONGEST_OFFLINE,
        "min_play_ms": min_play_ms,
        "skip_below_ms": SKIP_BELOW_MS,
        "match_window": MATCH_WINDOW,
    }


def open_workspace(conn: Connection, months: Collection[date] | None = None) -> None:
    """Prepare the session to derive user-months of the given months, or of any months: its temporary tables, which hold
    one user-month at a time, and the partitions that it has to see.
    """
    conn.execute(statement("events/workspace"))
    for table in (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS):
        ensure_partitions_visible(conn, table, months)


def stage_desired_events(conn: Connection, bounds: dict[str, Any], sources: Sources) -> bool:
    """Fill ``desired_events`` with the events that the user-month of these bounds should have.

    Where several sources have plays, the workspace then also has what each of them tells. Hidden plays are left out at
    the end, so that no other row of them is taken for a play of its own; they are in ``hidden_events`` then. If the
    user-month has plays that are not music, ``desired_episodes`` is filled as well.

    Returns whether an event may have another place now. Then, and for hidden plays, ``former_places`` says where shown
    plays were before.
    """
    empty(conn, tables_of("events/workspace"))
    is_misplaced = False
    if sources.is_plain:
        conn.execute(statement("events/stage_plain"), bounds)
        if sources.has_episodes:
            stage_plain_episodes(conn, bounds)
    else:
        is_misplaced = _stage_compared_events(conn, bounds, sources)
    if sources.has_hidden_plays:
        hide_events(conn, bounds)
    return is_misplaced


def _stage_compared_events(conn: Connection, bounds: dict[str, Any], sources: Sources) -> bool:
    """Compare what several sources tell, and stage each play once."""
    bounds = bounds | {"rows_from": bounds["near_start"], "shown_until": bounds["near_end"]}
    if sources.has_exact_plays:
        rows_from, shown_until = fetch_row(conn, statement("events/upload_reach"), bounds)
        bounds = bounds | {"rows_from": rows_from, "shown_until": shown_until}
        conn.execute(statement("events/stage_extended"), bounds)
        conn.execute(statement("events/stage_streams"), bounds)
    if sources.has_exact_plays and sources.has_account_data:
        conn.execute(statement("events/stage_account"), bounds)
        for same_song, same_length in TELLINGS:
            for by_upload in (True, False):
                key = {"same_song": same_song, "same_length": same_length, "by_upload": by_upload}
                conn.execute(statement("events/match_account"), key)
    if sources.has_episodes:
        stage_mixed_episodes(conn, bounds, TELLINGS)
    shown = _stage_shown_events(conn, bounds, sources) if sources.has_shown_plays else []
    conn.execute(statement("events/place"), bounds)
    is_misplaced = bool(shown and sources.has_events and fetch_scalar(conn, statement("events/misplaced"), bounds))
    if is_misplaced or sources.has_hidden_plays:  # a play may have been hidden while it was only shown
        with conn.cursor() as cursor, cursor.copy("COPY former_places FROM STDIN") as copy:
            for place in _former_places(shown):
                copy.write_row(place)
    conn.execute(statement("events/stage_placed"), bounds)
    return is_misplaced


def _stage_shown_events(conn: Connection, bounds: dict[str, Any], sources: Sources) -> list[Play]:
    """Match shown plays with those of exports, and stage the events of the others; return all of them in the order of
    their numbers."""
    parameters = bounds | {
        "typical_ms": TYPICAL_MS,
        "shown_from_ms": SHOWN_FROM_MS,
        "account_data_until": bounds["shown_until" if sources.has_account_data else "near_start"],
    }
    shown = list(map(Shown._make, conn.execute(statement("events/shown"), parameters).fetchall()))
    songs = {
        "songs": sorted({play.song_id for play in shown}),
        "titles": sorted({play.title for play in shown if play.title is not None}),
        "any_nameless": any(play.is_nameless for play in shown),
    }
    exported: list[Exported] = []
    if sources.has_exact_plays:
        exported += map(Exported._make, conn.execute(statement("events/exported"), parameters | songs).fetchall())
    events: list[str] = []
    matched: list[int] = []
    plays = match_shown_plays(shown, exported)
    for shown_no, play in enumerate(plays):
        first, match = play.shown, play.match
        if match is not None and match.exported.stream_no is not None:
            continue
        if match is not None:
            ended_at = first.began_at + match.exported.length if match.is_start else first.played_at
            events.append(f"{shown_no}\t{first.track_id}\t{ended_at}\t{match.exported.ms_played}\tIMPORT\tf\n")
            matched.append(match.exported.account_no or 0)
        elif play.ms_played >= bounds["min_play_ms"]:
            length = f"{play.ms_played}\t{first.source}\t{not first.is_exact}"
            events.append(f"{shown_no}\t{first.track_id}\t{play.ended_at}\t{length}\n")
    with conn.cursor() as cursor, cursor.copy("COPY shown_events FROM STDIN") as copy:
        copy.write("".join(events))  # writing them one by one takes five times as long
    if matched:
        conn.execute("UPDATE account_plays SET is_matched = true WHERE account_no = ANY (%s)", [matched])
    return plays


def _former_places(plays: Iterable[Play]) -> Iterator[tuple[Any, ...]]:
    """Rows of ``former_places``: where the events of shown plays were while they were only shown."""
    for shown_no, play in enumerate(plays):
        stream_no = play.match.exported.stream_no if play.match is not None else None
        now = (stream_no, None if stream_no is not None else shown_no)
        for place in play.places():
            yield (place.track_id, place.ended_at, True, *now)
            if play.match is not None and stream_no is not None:
                yield (place.track_id, place.began_at + play.match.exported.length, False, *now)


def _merge(
    conn: Connection,
    user_month: UserMonth,
    bounds: dict[str, Any],
    sources: Sources,
    indexes: Sequence[sql.SQL],
    entered: Sequence[date],
) -> Conformed:
    """Write the differences between the desired and the present events of a user-month.

    ``indexes`` are those of a new partition, and ``entered`` the months in which events have another place now.
    """
    moved: list[tuple[date, date]] = []
    added = None
    desired = fetch_scalar(conn, "SELECT count(*) FROM desired_events")
    if indexes and desired and not entered:
        load = PartitionLoad(statement("events/fill").format, indexes)
        added = attach_month(conn, LISTENING_EVENTS, user_month.month, load, bounds)
    for month in sorted({*entered, user_month.month} if desired else entered):
        attach_month(conn, LISTENING_EVENTS, month)
    if entered:
        moved = conn.execute(statement("events/upgrade"), bounds).fetchall()
    removed, upgraded_flags = 0, list[bool]()
    if sources.has_events:
        removed = conn.execute(statement("events/remove"), bounds).rowcount
        upgraded_flags = [is_upgraded for (is_upgraded,) in conn.execute(statement("events/update"), bounds)]
    if added is None:
        added = conn.execute(statement("events/insert"), bounds).rowcount
    upgraded_here = sum(upgraded_flags)
    arrived = sum(month == user_month.month for _, month in moved)
    conformed = Conformed(
        added=added,
        upgraded=len(moved) + upgraded_here,
        updated=len(upgraded_flags) - upgraded_here,
        removed=removed,
        unchanged=desired - added - len(upgraded_flags) - arrived,
    )
    if conformed.written:
        months = {user_month.month}.union(*moved)
        invalidate(conn, [UserMonth(user_month.user_id, month) for month in months], Stage.STATS)
    return conformed
