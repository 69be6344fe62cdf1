"""Imports that are undone: the rows that only they hold wait in ``undone_plays``, as if they had never landed.

Which rows an import holds is known by ``imported_plays.job_id``, the import that landed a row first, and by the hashes
in ``import_job_duplicates``, which every other import that holds it leaves. So a row stays for as long as one import
holds it that is not undone.
"""

from __future__ import annotations

from datetime import date

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse.archive import UserMonthsArchived
from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.import_jobs import ImportJob
from myi_pipelines.warehouse.partitions import IMPORTED_PLAYS, attach_month, ensure_partitions_visible
from myi_pipelines.warehouse.user_months import MATCH_WINDOW, UserMonth

FIRST_READER = 2
"""The first version of the reader whose rows say which import they are of."""


class CannotBeUndone(InputError):
    """It is not known which rows are of the import, or it has none yet."""


def require_undoable(conn: Connection, user_id: int, job: ImportJob) -> None:
    """Raise CannotBeUndone for an import that is not done, or whose rows are not known."""
    if job.status != "COMPLETED":
        raise CannotBeUndone(f"import job {job.id} is {job.status.lower()}: there is nothing to undo")
    ensure_partitions_visible(conn, IMPORTED_PLAYS)
    asked = {"user_id": user_id, "job_id": job.id}
    has_own_rows, has_rows_of_older_versions = fetch_row(conn, statement("undone_imports/landed_rows"), asked)
    reader = fetch_scalar(conn, "SELECT reader FROM import_jobs WHERE id = %s", [job.id])
    if not has_own_rows and (reader < FIRST_READER or has_rows_of_older_versions):
        raise CannotBeUndone(
            f"the plays of import job {job.id} landed with version 0.1, which did not keep which file they came from; "
            "`myi hide period` hides plays by their time"
        )


def settle(conn: Connection, user_id: int) -> None:
    """Take out what only undone imports hold, put back what another import holds, and invalidate what changes.

    Part of the caller's transaction, which holds the user's lock and has changed which imports are undone. Raises
    UserMonthsArchived when plays that may change are in the archive.
    """
    archived = conn.execute(statement("undone_imports/archived"), {"user_id": user_id}).fetchall()
    if archived:
        raise UserMonthsArchived([UserMonth(*row) for row in archived])
    ensure_partitions_visible(conn, IMPORTED_PLAYS)
    consolidate(conn, user_id, date(1900, 1, 1), date(2200, 1, 1))
    for (month,) in conn.execute(statement("undone_imports/months"), {"user_id": user_id}).fetchall():
        attach_month(conn, IMPORTED_PLAYS, month)
    changed = [
        row
        for name in ("undo", "redo")
        for row in conn.execute(statement(f"undone_imports/{name}"), {"user_id": user_id}).fetchall()
    ]
    conn.execute(
        statement("undone_imports/invalidate"),
        {
            "user_id": user_id,
            "months": sorted({month for month, _, _ in changed}),
            "uploaded_on": sorted({day for _, day, _ in changed if day is not None}),
            "match_window": MATCH_WINDOW,
        },
    )


def consolidate(conn: Connection, user_id: int, first: date, after: date) -> None:
    """Rows of undone imports that another import has landed since, in a stretch of months, are that import's now."""
    if has_undone_plays(conn, user_id):
        conn.execute(
            statement("undone_imports/landed_again"), {"user_id": user_id, "starts_at": first, "ends_at": after}
        )


def has_undone_imports(conn: Connection, user_id: int) -> bool:
    """Whether an import of the user is undone, or rows of one wait."""
    is_undone = "SELECT EXISTS (SELECT FROM undone_imports WHERE user_id = %s)"
    return bool(fetch_scalar(conn, is_undone, [user_id])) or has_undone_plays(conn, user_id)


def has_undone_plays(conn: Connection, user_id: int) -> bool:
    """Whether rows of undone imports of the user wait."""
    return bool(fetch_scalar(conn, "SELECT EXISTS (SELECT FROM undone_plays WHERE user_id = %s)", [user_id]))
