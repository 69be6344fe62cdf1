"""Two users become one: the rows of both belong to one user, in one transaction. Files and runs are for the modules
above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import NamedTuple

from psycopg import sql

from myi_pipelines.errors import InputError
from myi_pipelines.warehouse import undone_imports
from myi_pipelines.warehouse.archive import UserMonthsArchived
from myi_pipelines.warehouse.corrections import invalidate_corrected
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared, trying
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.import_jobs import JobInProgress
from myi_pipelines.warehouse.partitions import (
    MONTH_TABLES,
    ensure_partitions_visible,
    next_month,
    starts_at,
)
from myi_pipelines.warehouse.user_months import UserMonth
from myi_pipelines.warehouse.users import User, hides_incognito, known_user

TOP_LISTS = ("spotify_top_tracks", "spotify_top_artists")
TOP_LIST_HISTORIES = ("spotify_top_track_history", "spotify_top_artist_history")

MOVED = frozenset(
    {*(table.name for table in MONTH_TABLES), *TOP_LISTS, *TOP_LIST_HISTORIES, "import_jobs", "corrections"}
    | {"possible_gaps", "import_job_duplicates", "undone_plays", "api_tokens"}
)
"""Tables whose rows move to the user who stays."""
OF_ONE = frozenset(
    {"users", "user_settings", "spotify_auth", "poll_states", "archived_user_months", "archived_names"}
    | {"web_sessions", "sign_in_links", "web_passwords", "playing_now"}
)
"""Tables of which the row of one user is kept, or of which the other user has no rows: see ``merge_users``."""


class MergeRefused(InputError):
    """The two users cannot be merged. The message says why, and what to do."""


class Merged(NamedTuple):
    """The user that two users became."""

    user: User
    months: list[date]
    """Months into which plays moved. They are invalidated."""


def merge_users(conn: Connection, name: str, into: str) -> Merged:
    """Make a user part of another, who keeps the name and the settings, in one transaction.

    Plays, import jobs, corrections and top lists move. What both have stays once. Events keep their ids; everything
    derived follows from the user-months that are invalidated. Of the two rows of ``users``, that with the linked
    Spotify account is kept, because its tokens are encrypted for it. Archived plays of the other are to be restored
    before, and so are those of months into which plays move. Raises UnknownUser, MergeRefused, JobInProgress while an
    import works for one of them, and UserMonthsArchived.
    """
    gone, kept, target = _roles(conn, name, into)
    with _no_import(conn, gone, kept), conn.transaction():
        _lock(conn, gone, kept)
        if _roles(conn, name, into) != (gone, kept, target):
            raise MergeRefused("a Spotify account was linked or unlinked just now; run this again")
        months = _months(conn, gone)
        both = {"gone": gone.id, "kept": kept.id}
        archived = conn.execute(statement("user_merge/archived"), {**both, "months": months})
        if needed := [UserMonth(*row) for row in archived]:
            raise UserMonthsArchived(needed)
        brought = conn.execute("SELECT id FROM corrections WHERE user_id = %s", [gone.id]).fetchall()
        _move(conn, both, months)
        _keep_one(conn, gone, kept, target)
        conn.execute(statement("user_merge/invalidate"), {"kept": kept.id, "months": months})
        for (correction_id,) in brought:
            invalidate_corrected(conn, kept.id, correction_id)
        if undone_imports.has_undone_imports(conn, kept.id):
            undone_imports.settle(conn, kept.id)
    return Merged(User(kept.id, target.name), months)


def require_mergeable(conn: Connection, name: str, into: str) -> None:
    """Raises UnknownUser and MergeRefused as ``merge_users`` would, and changes nothing."""
    _roles(conn, name, into)


def _roles(conn: Connection, name: str, into: str) -> tuple[User, User, User]:
    """The user whose row goes, the one whose row stays, and the one who is merged into."""
    source, target = known_user(conn, name), known_user(conn, into)
    if source == target:
        raise MergeRefused(f"{name!r} and {into!r} are one user, {target.name!r}, already")
    linked = conn.execute(statement("user_merge/linked"), {"user_ids": [source.id, target.id]}).fetchall()
    if len(linked) == 2:
        raise MergeRefused(
            f"{source.name!r} and {target.name!r} are linked to a Spotify account each: `myi logout NAME` for the "
            "account that is to be given up, then run this again"
        )
    if linked == [(source.id,)]:
        return target, source, target
    return source, target, target


@contextmanager
def _no_import(conn: Connection, *both: User) -> Iterator[None]:
    """Within the block, no process works on an import job of the users that is not done."""
    unfinished = conn.execute(statement("user_merge/unfinished_jobs"), {"user_ids": [user.id for user in both]})
    with ExitStack() as held:
        for (job_id,) in unfinished.fetchall():
            if not held.enter_context(trying(conn, exclusive(Lock.IMPORT_JOB, job_id))):
                raise JobInProgress(f"import job {job_id} is under way: wait for its end, see `myi jobs`")
        yield


def _lock(conn: Connection, *both: User) -> None:
    """Keep all other writers of the two users away until the transaction ends."""
    user_ids = sorted(user.id for user in both)
    acquire(
        conn,
        *(exclusive(Lock.TOP_LISTS, user_id) for user_id in user_ids),
        exclusive(Lock.LINKING),
        *(exclusive(Lock.SPOTIFY_AUTH, user_id) for user_id in user_ids),
        exclusive(Lock.CATALOG),  # no session builds a shadow partition with these users' rows in it
        shared(Lock.ARCHIVE),
        *(exclusive(Lock.USER, user_id) for user_id in user_ids),
    )


def _months(conn: Connection, gone: User) -> list[date]:
    """The months of the user who goes."""
    for table in MONTH_TABLES:
        ensure_partitions_visible(conn, table)
    return [month for (month,) in conn.execute(statement("user_merge/months"), {"gone": gone.id})]


def _move(conn: Connection, both: Mapping[str, int], months: Sequence[date]) -> None:
    """Move the rows of one user to the other."""
    jobs = _move_jobs(conn, both)
    for month in months:
        bounds = {"starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}
        for name in ("duplicates", *(table.name for table in MONTH_TABLES)):
            conn.execute(statement(f"user_merge/{name}"), {**both, **bounds, **jobs})
    for name in ("job_duplicates", "undone_plays", "undone_twins"):
        conn.execute(statement(f"user_merge/{name}"), {**both, **jobs})
    for name in ("corrections", "possible_gaps"):
        conn.execute(statement(f"user_merge/{name}"), both)
    conn.execute("UPDATE api_tokens SET user_id = %(kept)s WHERE user_id = %(gone)s", both)
    for name in TOP_LISTS:
        for step in ("older_top_list", "top_list"):
            conn.execute(statement(f"user_merge/{step}").format(table=sql.Identifier(name)), both)
    for name in TOP_LIST_HISTORIES:
        conn.execute(statement("user_merge/top_list_history").format(table=sql.Identifier(name)), both)


def _move_jobs(conn: Connection, both: Mapping[str, int]) -> dict[str, list[int]]:
    """Move import jobs. Of a file that both users imported one stays, with the number that the user who stays knows.

    Returns the numbers of the jobs that go, and the numbers that stand for them.
    """
    twins = conn.execute(statement("user_merge/twin_jobs"), both).fetchall()
    for gone_id, kept_id, is_only_one in twins:
        conn.execute("DELETE FROM import_jobs WHERE id = %s", [kept_id if is_only_one else gone_id])
        if is_only_one:
            conn.execute("UPDATE import_jobs SET id = %s WHERE id = %s", [kept_id, gone_id])
    conn.execute("UPDATE import_jobs SET user_id = %(kept)s WHERE user_id = %(gone)s", both)
    return {"gone_jobs": [gone_id for gone_id, _, _ in twins], "kept_jobs": [kept_id for _, kept_id, _ in twins]}


def _keep_one(conn: Connection, gone: User, kept: User, target: User) -> None:
    """Keep one row of ``users``, with the name and the settings of the user merged into."""
    both = {"gone": gone.id, "kept": kept.id, "target": target.id}
    if kept != target:
        clock = "SELECT timezone FROM user_settings WHERE user_id IN (%(gone)s, %(kept)s) GROUP BY timezone"
        if conn.execute(clock, both).rowcount > 1:
            conn.execute(statement("users/invalidate_all"), [kept.id])
        if hides_incognito(conn, kept.id) != hides_incognito(conn, target.id):
            conn.execute(statement("users/invalidate_incognito"), {"user_id": kept.id})
        conn.execute("DELETE FROM user_settings WHERE user_id = %(kept)s", both)
        conn.execute("UPDATE user_settings SET user_id = %(kept)s WHERE user_id = %(target)s", both)
        for name in ("web_sessions", "web_passwords"):  # Whoever is signed in as the user who goes, is no more.
            table = sql.Identifier(name)
            conn.execute(sql.SQL("DELETE FROM {} WHERE user_id = %(kept)s").format(table), both)
            conn.execute(sql.SQL("UPDATE {} SET user_id = %(kept)s WHERE user_id = %(target)s").format(table), both)
    conn.execute(statement("user_merge/users"), both)
    conn.execute(statement("users/settle_shared_names"))
