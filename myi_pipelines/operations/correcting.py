"""Corrections made and taken back, with everything that follows from them derived: `myi hide`, `myi unhide`, `myi
join-songs` and the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from myi_pipelines.operations.interrupts import REPAIR, change_is_kept
from myi_pipelines.text import counted
from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.archive import with_archived_restored
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.corrections import Corrected, Kind
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_derivation import DerivedUser, derive_user


class Outcome(NamedTuple):
    """A correction that was made or taken back, and how the events of its user changed."""

    corrected: Corrected
    derived: DerivedUser


def change_text(more_plays: int) -> str:
    """How many plays count more or less than before.

    >>> change_text(-1), change_text(1_200), change_text(0)
    ('1 play less', '1,200 plays more', 'as many plays as before')
    """
    if not more_plays:
        return "as many plays as before"
    return f"{counted(abs(more_plays), 'play')} {'more' if more_plays > 0 else 'less'}"


def hide(session: Session, user_id: int, kind: Kind, what: Mapping[str, Any]) -> Outcome:
    """Make a correction and derive what it changes.

    The correction is committed first. If the rest is interrupted, ``myi up`` or the next call derives it. Raises
    DerivingInterrupted and what restoring archived plays raises.
    """
    corrected = corrections.correct(session.conn, user_id, kind, what)
    with change_is_kept():
        return Outcome(corrected, derive_user(session, user_id))


def join_songs(session: Session, user_id: int, tracks: Iterable[Mapping[str, Any]]) -> Outcome:
    """Make tracks one song, for all users, and derive what that changes of this one.

    What it changes of others' events is left to ``myi up``; their statistics by song are right at once.
    """
    return _correct_songs(session, user_id, Kind.JOIN_SONGS, {"tracks": sorted(map(dict, tracks), key=repr)})


def split_song(session: Session, user_id: int, track: Mapping[str, Any]) -> Outcome:
    """Make a track a song of its own, for all users, as ``join_songs`` does."""
    return _correct_songs(session, user_id, Kind.SPLIT_SONG, track)


def _correct_songs(session: Session, user_id: int, kind: Kind, what: Mapping[str, Any]) -> Outcome:
    corrected = corrections.correct(session.conn, user_id, kind, what)
    with change_is_kept():
        sync_catalog(session.conn)
        return Outcome(corrected, derive_user(session, user_id))


def undo_import(session: Session, job_id: int) -> Outcome:
    """Undo an import and derive what that changes; archived plays that it may hold are restored first.

    Raises UnknownJob, CannotBeUndone and what restoring raises.
    """
    corrected = with_archived_restored(session, lambda: corrections.undo_import(session.conn, job_id))
    with change_is_kept():
        return Outcome(corrected, derive_user(session, corrected.user_id))


def take_back(session: Session, correction_ids: Collection[int]) -> list[Outcome]:
    """Take corrections back, all or none, and derive what that changes. Raises UnknownCorrection."""
    taken_back = with_archived_restored(session, lambda: corrections.take_back(session.conn, correction_ids))
    with change_is_kept(REPAIR):
        sync_catalog(session.conn)  # some may have said which tracks are one song
        derived = {user_id: derive_user(session, user_id) for user_id in {one.user_id for one in taken_back}}
    return [Outcome(one, derived[one.user_id]) for one in taken_back]
