"""A user is forgotten: `myi forget` removes the user's rows, uploaded files, plays in the archive and the runs that
name the user, and counts all of it again. Which rows belong to a user is in ``warehouse.personal_data``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.warehouse import archive, personal_data
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.users import user_named


class NotForgotten(FailedError):
    """Some of the user's data is still there."""


class ImportUnderWay(BusyError):
    """A run is writing what is to be removed."""


class RunHistory(Protocol):
    """The runs that Dagster remembers, which this module does not import: the caller passes
    ``orchestration.instance.user_runs.UserRuns``."""

    def unfinished(self, user: str) -> Sequence[str]:
        """Ids of the runs that work for a user and have not ended."""

    def naming(self, user: str) -> Sequence[str]:
        """Ids of the finished runs that name a user."""

    def remove_naming(self, user: str) -> None:
        """Remove the finished runs that name a user."""


class Places(NamedTuple):
    """Every place where data of users lies."""

    conn: Connection
    """The warehouse."""
    store: Store
    """The archive."""
    uploads: Path
    """The folder above the users' own."""
    runs: RunHistory


class UserData(NamedTuple):
    """How much data of one user there is."""

    rows: Mapping[str, int]
    """By table."""
    archived_rows: int
    uploads: int
    """Files in the user's folder of the uploads."""
    runs: int
    """Dagster runs that name the user."""

    def by_place(self) -> dict[str, int]:
        """How much there is, by where it is."""
        return {**self.rows, "archived rows": self.archived_rows, "uploaded files": self.uploads, "runs": self.runs}

    def nonzero(self) -> list[tuple[str, int]]:
        """The places with any data."""
        return [(place, count) for place, count in self.by_place().items() if count]


class ForgottenUser(NamedTuple):
    """The data of a user before and after: after it, there is none, or NotForgotten would have been raised."""

    before: UserData
    after: UserData


def count_user_data(places: Places, name: str) -> UserData:
    """How much data of a user there is. Raises UnknownUser."""
    user_id = user_named(places.conn, name)
    return _count(places, name, user_id, personal_data.count_rows(places.conn, user_id))


def forget_user(places: Places, name: str) -> ForgottenUser:
    """Remove all data of a user, and count what remains.

    The row that leads to the rest is removed last: after an interruption, running it again finishes the work. Raises
    UnknownUser, ImportUnderWay, NotForgotten and what the archive raises.
    """
    user_id = user_named(places.conn, name)
    _require_idle(places.runs, name)
    before = count_user_data(places, name)
    _remove_uploads(places.uploads / name)
    archiving.forget_user(places.conn, places.store, user_id)
    places.runs.remove_naming(name)
    _, rows = personal_data.forget_user(places.conn, user_id)
    after = _count(places, name, user_id, rows)
    if remaining := after.nonzero():
        found = ", ".join(f"{place} {count:,}" for place, count in remaining)
        raise NotForgotten(
            f"{name}: something was written at the same time and remains: {found}; stop `myi up`, and look there"
        )
    return ForgottenUser(before, after)


def _require_idle(runs: RunHistory, name: str) -> None:
    for run_id in runs.unfinished(name):
        raise ImportUnderWay(
            f"run {run_id} imports for {name} at this moment: wait for its end or cancel it in Dagster's UI, then run "
            "this again"
        )


# Counting and removing, place by place


def _count(places: Places, name: str, user_id: int, rows: Mapping[str, int]) -> UserData:
    return UserData(
        rows,
        _archived_rows(places.conn, places.store, user_id),
        _upload_count(places.uploads / name),
        len(places.runs.naming(name)),
    )


def _archived_rows(conn: Connection, store: Store, user_id: int) -> int:
    """The rows of a user in all files of the archive, counted in the files."""
    return sum(
        store.count_rows(part.folder, table.name, user_id)
        for part in archive.archived_parts(conn)
        for table in archive.ARCHIVED_TABLES
    )


def _upload_count(folder: Path) -> int:
    if folder.is_symlink():
        return 1
    return sum(1 for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def _remove_uploads(folder: Path) -> None:
    """Remove the files that wait, that were imported and that failed. Of a link, only the link is removed: the folder
    that it leads to is not MYI's."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
