"""Corrections made and taken back, with everything that follows from them derived: `myi hide` and `myi unhide`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.archive import with_archived_restored
from myi_pipelines.warehouse.corrections import Corrected, Kind
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_derivation import DerivedUser, derive_user


class Outcome(NamedTuple):
    """A correction that was made or taken back, and how the events of its user changed."""

    corrected: Corrected
    derived: DerivedUser


def hide(session: Session, user_id: int, kind: Kind, what: Mapping[str, Any]) -> Outcome:
    """Make a correction and derive what it changes.

    The correction is committed first. If the rest is interrupted, ``myi up`` or the next call derives it. Raises what
    restoring archived plays raises.
    """
    corrected = corrections.correct(session.conn, user_id, kind, what)
    return Outcome(corrected, derive_user(session, user_id))


def undo_import(session: Session, job_id: int) -> Outcome:
    """Undo an import and derive what that changes; archived plays that it may have told are restored first.

    Raises UnknownJob, CannotBeUndone and what restoring raises.
    """
    corrected = with_archived_restored(session, lambda: corrections.undo_import(session.conn, job_id))
    return Outcome(corrected, derive_user(session, corrected.user_id))


def take_back(session: Session, correction_ids: Collection[int]) -> list[Outcome]:
    """Take corrections back, all or none, and derive what that changes. Raises UnknownCorrection."""
    taken_back = with_archived_restored(session, lambda: corrections.take_back(session.conn, correction_ids))
    derived = {user_id: derive_user(session, user_id) for user_id in {one.user_id for one in taken_back}}
    return [Outcome(one, derived[one.user_id]) for one in taken_back]
