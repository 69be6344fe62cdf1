"""A listener leaves: their rows, the files they uploaded, their plays in the archive and the runs that tell of them are
removed, and looked for again: ``myi forget``. Which rows are theirs is ``warehouse.personal``'s business."""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse import archive, personal_data
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.users import user_named

USER_TAG = "myi/user"
"""The tag of runs that work for one listener, as the jobs set it; importing those would take seconds."""


class NotForgotten(FailedError):
    """Something of the listener is still there after all."""


class ImportUnderWay(BusyError):
    """A run is writing what is to be removed."""


class Holdings(NamedTuple):
    """What there is of one listener."""

    rows: Mapping[str, int]
    """By table."""
    archived_rows: int
    uploads: int
    """Files in the listener's folder of the uploads."""
    runs: int
    """Dagster runs that name the listener."""

    def everything(self) -> dict[str, int]:
        """How much there is, by where it is."""
        return {**self.rows, "archived rows": self.archived_rows, "uploaded files": self.uploads, "runs": self.runs}

    def nonzero(self) -> list[tuple[str, int]]:
        """The places where there is anything."""
        return [(place, count) for place, count in self.everything().items() if count]


class Forgotten(NamedTuple):
    """What there was of a listener, and what is left: nothing, or NotForgotten would have been raised."""

    before: Holdings
    after: Holdings


def holdings_of(conn: Connection, settings: Settings, store: Store, name: str) -> Holdings:
    """What there is of a listener. Raises UnknownUser."""
    user_id = user_named(conn, name)
    return Holdings(
        personal_data.count_rows(conn, user_id),
        _archived_rows(conn, store, user_id),
        _upload_count(settings.uploads / name),
        len(_runs_naming(settings, name)),
    )


def forget_user(conn: Connection, settings: Settings, store: Store, name: str) -> Forgotten:
    """Remove everything of a listener, and look again.

    What leads to the rest goes last: cut off at any point, running it again finishes. Raises UnknownUser,
    ImportUnderWay, NotForgotten and what the archive raises.
    """
    user_id = user_named(conn, name)
    _require_idle(settings, name)
    before = holdings_of(conn, settings, store, name)
    _remove_uploads(settings.uploads / name)
    archiving.forget_user(conn, store, user_id)
    _remove_runs(settings, name)
    _, rows = personal_data.forget_user(conn, user_id)
    after = Holdings(
        rows,
        _archived_rows(conn, store, user_id),
        _upload_count(settings.uploads / name),
        len(_runs_naming(settings, name)),
    )
    if left := after.nonzero():
        told = ", ".join(f"{place} {count:,}" for place, count in left)
        raise NotForgotten(
            f"{name}: something was written meanwhile and is left: {told}; stop `myi up`, and look there"
        )
    return Forgotten(before, after)


def _archived_rows(conn: Connection, store: Store, user_id: int) -> int:
    """Rows of a listener in all files of the archive, read there."""
    return sum(
        store.count_rows(part.folder, table.name, user_id)
        for part in archive.archived_parts(conn)
        for table in archive.ARCHIVED_TABLES
    )


# Uploads


def _upload_count(folder: Path) -> int:
    if folder.is_symlink():
        return 1
    return sum(1 for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def _remove_uploads(folder: Path) -> None:
    """Remove the files that wait, that were imported and that failed. Of a link, where it leads is somebody else's."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)


# Runs, whose tags, configuration and events name listeners


def _require_idle(settings: Settings, name: str) -> None:
    for run_id in _query_runs(settings, "personal_data/runs_under_way", {"tag": USER_TAG, "name": name}):
        raise ImportUnderWay(
            f"run {run_id} imports for {name} at this moment: wait for its end or cancel it in Dagster's UI, then run "
            "this again"
        )


def _runs_naming(settings: Settings, name: str) -> list[str]:
    """Finished runs of which the tags, the configuration or an event names the listener."""
    return _query_runs(settings, "personal_data/runs_naming", {"pattern": name_pattern(name)})


def name_pattern(name: str) -> str:
    """PostgreSQL's regular expression for a name that stands alone in a text that may be JSON, or JSON within JSON."""
    letters = [
        re.escape(letter)
        if letter.isascii() and letter not in '"\\'
        else rf"(?:{re.escape(letter)}|{_escaped(letter)})"
        for letter in name
    ]
    return r"(?:^|[^[:alnum:]_-]|\\[nrt])" + "".join(letters) + r"(?:$|[^[:alnum:]_-])"


def _escaped(letter: str) -> str:
    """A letter as JSON escapes it, by one backslash or more for each."""
    return json.dumps(letter)[1:-1].replace("\\", r"\\+")


def _query_runs(settings: Settings, name: str, parameters: Mapping[str, str]) -> list[str]:
    """Ids of runs in Dagster's own tables; none where Dagster has never run."""
    with psycopg.connect(servers_of(settings).dagster_url, application_name="myi forget") as conn:
        there = conn.execute("SELECT to_regclass('runs') IS NOT NULL AND to_regclass('event_logs') IS NOT NULL")
        if there.fetchone() != (True,):
            return []
        return [run_id for (run_id,) in conn.execute(statement(name), parameters)]


def _remove_runs(settings: Settings, name: str) -> None:
    run_ids = _runs_naming(settings, name)
    if not run_ids:
        return
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from dagster import DagsterInstance
    with DagsterInstance.get() as instance:
        for run_id in run_ids:
            instance.delete_run(run_id)
            shutil.rmtree(settings.dagster_home / "storage" / run_id, ignore_errors=True)
