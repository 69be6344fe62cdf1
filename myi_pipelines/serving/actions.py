"""What a listener, or the operator for a listener, changes from a page: the same functions as the command's, over a
connection of the owner that is opened for the one action.

Callers have asked ``permissions.require(…, Part.MANAGE)`` before, and pass the listener that it was asked for. What
must be derived after a change is derived by Dagster, as after an import: until then pages say so.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from myi_pipelines.errors import InputError
from myi_pipelines.operations import correcting
from myi_pipelines.operations.archiving import restoring_from, store_of
from myi_pipelines.operations.export import ExportFormat, export_user
from myi_pipelines.operations.forget import ForgottenUser, Places, forget_user, require_idle
from myi_pipelines.serving.access import passwords, sessions, tokens
from myi_pipelines.serving.access.attempts import wait_text
from myi_pipelines.serving.access.permissions import Sharing
from myi_pipelines.serving.access.viewers import Viewer
from myi_pipelines.serving.context import Context
from myi_pipelines.warehouse import correction_targets, corrections, spotify_accounts, users
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.import_jobs import UnknownJob, find_job
from myi_pipelines.warehouse.session import Session

PIECE = 256 * 1024


class NotMeant(InputError):
    """What cannot be undone was asked for without naming the listener."""


class WrongPassword(InputError):
    """The present password was not given."""


class TooManyTries(InputError):
    """The present password was tried as often as it may be for now."""


class NotPossible(InputError):
    """This process cannot do what was asked for."""


class Whose(Protocol):
    """The listener whose data an action changes: a ``Listener`` or a ``User``."""

    @property
    def id(self) -> int:
        """users.id"""

    @property
    def name(self) -> str:
        """The name as it is kept."""


def add_listener(context: Context, name: str, timezone: str) -> users.User:
    """Make a listener, in UTC unless a zone is given; one who is known stays as they are. Raises InvalidUserName or
    UnknownTimezone."""
    with context.owning() as conn:
        return users.find_user(conn, name) or users.known_or_new_user(conn, name, timezone or None)


# Settings


def change_timezone(context: Context, whose: Whose, timezone: str) -> int:
    """Count days in another zone; return how many months are derived again. Raises UnknownTimezone."""
    with context.owning() as conn:
        return users.set_timezone(conn, whose.name, timezone)


def change_incognito(context: Context, whose: Whose, *, hide: bool) -> int:
    """Leave plays of private sessions out, or count them; return how many months are derived again."""
    with context.owning() as conn:
        return users.set_hide_incognito(conn, whose.name, hide=hide)


def change_preferences(context: Context, whose: Whose, values: Mapping[str, int | bool]) -> None:
    """Set what changes no statistic: see ``users.PREFERENCES``. Raises InvalidPreference."""
    with context.owning() as conn:
        users.set_preferences(conn, whose.id, values)


def change_sharing(context: Context, whose: Whose, sharing: Sharing) -> None:
    """Share with everybody what is said, and nothing else. It holds from the next request on."""
    with context.owning() as conn:
        conn.execute(statement("access/set_sharing"), {"user_id": whose.id, **sharing._asdict()})


# Ways in


class Shown(NamedTuple):
    """Who changes or removes a password, and by what they show that they may."""

    viewer: Viewer
    password: str = ""
    """The present one, as it was typed."""
    address: str = ""
    """From where: see ``access.attempts``."""


def change_password(context: Context, shown: Shown, user_id: int | None, password: str) -> int:
    """Set a password; end all sessions but the viewer's, and return how many. ``user_id`` None: the operator's own.

    The present password is asked for where there is one, of everybody but the operator. Raises WrongPassword,
    TooManyTries and PasswordRefused.
    """
    with context.keeping() as conn:
        _require_present(context, conn, shown, user_id)
        passwords.set_password(conn, user_id, password)
        return sessions.end_other_sessions(conn, user_id, shown.viewer.session_id)


def remove_password(context: Context, shown: Shown, user_id: int | None) -> int:
    """Let nobody sign in by a password; end all sessions but the viewer's, and return how many.

    Asks for the present password and raises as ``change_password``.
    """
    with context.keeping() as conn:
        _require_present(context, conn, shown, user_id)
        passwords.remove_password(conn, user_id)
        return sessions.end_other_sessions(conn, user_id, shown.viewer.session_id)


def _require_present(context: Context, conn: Connection, shown: Shown, user_id: int | None) -> None:
    """Raise WrongPassword or TooManyTries unless the viewer may change a password; each try counts as one to sign
    in."""
    if not passwords.has_password(conn, user_id) or (shown.viewer.is_operator and user_id is not None):
        return
    if wait := context.attempts.seconds_to_wait(user_id, shown.address):
        raise TooManyTries(wait_text(wait))
    if not passwords.is_password(conn, user_id, shown.password):
        raise WrongPassword("that is not your present password")
    context.attempts.forget(user_id, shown.address)


def has_password(context: Context, user_id: int | None) -> bool:
    """Whether somebody can sign in by a password."""
    with context.keeping() as conn:
        return passwords.has_password(conn, user_id)


def list_sessions(context: Context, user_id: int | None) -> list[sessions.Session]:
    """The browsers that are signed in; the viewer's own has the id ``viewer.session_id``."""
    with context.keeping() as conn:
        return sessions.sessions_of(conn, user_id)


def end_session(context: Context, user_id: int | None, session_id: int) -> bool:
    """Sign a browser out; False where there is no such session."""
    with context.keeping() as conn:
        return sessions.end_session(conn, user_id, session_id)


def end_other_sessions(context: Context, viewer: Viewer) -> int:
    """Sign all other browsers of the viewer out; return how many."""
    with context.keeping() as conn:
        return sessions.end_other_sessions(conn, viewer.user_id, viewer.session_id)


def list_tokens(context: Context, user_id: int | None) -> list[tokens.Token]:
    """The tokens of a listener, the newest first."""
    with context.keeping() as conn:
        return tokens.tokens_of(conn, user_id)


def make_token(
    context: Context, user_id: int | None, name: str, rights: Collection[str], expires_at: datetime | None = None
) -> tokens.NewToken:
    """Make a token, whose text is to be shown now, on a page that is not kept. Raises NoSuchRight and TokenRefused."""
    with context.keeping() as conn:
        return tokens.make_token(conn, user_id, name, rights, expires_at)


def revoke_token(context: Context, user_id: int | None, token_id: int) -> bool:
    """Revoke a token at once; False where there is none of that number."""
    with context.keeping() as conn:
        return tokens.revoke_token(conn, user_id, token_id)


def linked_account(context: Context, user_id: int) -> spotify_accounts.Account | None:
    """The listener's account of Spotify; None where none is linked."""
    with context.owning() as conn:
        return spotify_accounts.account_of(conn, user_id)


def unlink_spotify(context: Context, whose: Whose) -> bool:
    """Delete the listener's tokens of Spotify; False where there are none. ``/auth/spotify?link=yes`` links one."""
    with context.owning() as conn:
        return spotify_accounts.unlink(conn, whose.id)


# Corrections


class Ambiguous(InputError):
    """A name means several things."""


class Hidden(NamedTuple):
    """What is to be hidden. What does not apply is empty."""

    kind: str
    """``song``, ``track``, ``artist``, ``album``, ``show`` or ``period``."""
    name: str = ""
    """Its name, or its address from Spotify."""
    artist: str = ""
    """Where the name is ambiguous."""
    first: str = ""
    """Of a period, the first day; ``last`` is the last one."""
    last: str = ""


HIDDEN_KINDS = ("song", "track", "artist", "album", "show", "period")


class Corrected(NamedTuple):
    """What a correction did."""

    what: str
    """What it is about, for people."""
    is_new: bool
    """False: it was corrected so already, and nothing was done."""
    more_plays: int
    """How many plays count more than before; negative: fewer."""


def hide(context: Context, whose: Whose, wanted: Hidden) -> Corrected:
    """Hide something from the listener's statistics. Raises NoSuchTarget, WrongAddress and Ambiguous."""
    if wanted.kind not in HIDDEN_KINDS or (wanted.kind != "period" and not wanted.name):
        raise InputError("say what to hide")
    kind = Kind[f"HIDE_{wanted.kind.upper()}"]
    with context.owning() as conn:
        shown, what = _target(conn, whose.id, kind, wanted)
        outcome = correcting.hide(_session(context, conn), whose.id, kind, what)
    return Corrected(shown, outcome.corrected.is_new, outcome.derived.more_plays)


def take_back(context: Context, whose: Whose, correction_id: int) -> Corrected:
    """Take a correction of the listener back. Raises UnknownCorrection."""
    with context.owning() as conn:
        if correction_id not in {one.id for one in corrections.list_corrections(conn, whose.id)}:
            raise corrections.UnknownCorrection("there is no such correction; it may have been taken back already")
        [outcome] = correcting.take_back(_session(context, conn), [correction_id])
    return Corrected("A correction", True, outcome.derived.more_plays)


def undo_import(context: Context, whose: Whose, job_id: int) -> Corrected:
    """Undo an import of the listener. Raises UnknownJob and CannotBeUndone."""
    with context.owning() as conn:
        job = find_job(conn, job_id)
        if job.user != whose.name:
            raise UnknownJob("there is no such import")
        outcome = correcting.undo_import(_session(context, conn), job.id)
    return Corrected(f"The import of {job.file_name}", True, outcome.derived.more_plays)


def _target(conn: Connection, user_id: int, kind: Kind, wanted: Hidden) -> tuple[str, Mapping[str, Any]]:
    """What a correction is about, for people and as it is kept."""
    if kind is Kind.HIDE_PERIOD:
        return "What was played then", correction_targets.span_between(conn, user_id, wanted.first, wanted.last).what
    if kind is Kind.HIDE_SHOW:
        show = correction_targets.find_show(conn, user_id, wanted.name)
        return str(show), show.what
    targets = correction_targets.find_targets(conn, user_id, kind, wanted.name, wanted.artist or None)
    if len(targets) > 1:
        several = ", ".join(str(target) for target in targets[:5])
        raise Ambiguous(f"{wanted.name} means several: {several}. Name the artist, or give the address from Spotify.")
    return str(targets[0]), targets[0].what


def _session(context: Context, conn: Connection) -> Session:
    """The rules by which what a correction changes is derived at once."""
    settings = context.settings
    return Session(conn, min_play_ms=settings.min_play_ms, restore_archived=restoring_from(store_of(settings)))


# All of somebody's data


def exported(context: Context, whose: Whose, form: ExportFormat) -> Iterator[bytes]:
    """All data of the listener as the pieces of a ZIP. The first comes when all of it was written to a folder of this
    process, so that no slow reader holds the database's instant; the folder goes with the last, or with the reader.

    Raises what ``operations.export`` raises.
    """
    with tempfile.TemporaryDirectory(prefix="myi-export-") as folder:
        target = Path(folder) / "export"
        with context.owning() as conn:
            export_user(conn, store_of(context.settings), whose.name, target, form)
        yield from _zipped(target)


class _Written:
    """A file that ``zipfile`` writes, taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _zipped(folder: Path) -> Iterator[bytes]:
    written = _Written()
    with zipfile.ZipFile(written, "w", compresslevel=1) as archive:  # type: ignore[call-overload]
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo.from_file(path, path.relative_to(folder))
                entry.compress_type = zipfile.ZIP_STORED if path.suffix == ".parquet" else zipfile.ZIP_DEFLATED
                with path.open("rb") as source, archive.open(entry, "w") as target:
                    while piece := source.read(PIECE):
                        target.write(piece)
                        yield written.taken()
    yield written.taken()


def begin_forgetting(context: Context, whose: Whose, typed_name: str) -> Future[ForgottenUser]:
    """Begin to remove all data of the listener, which cannot be undone. It goes on whatever becomes of who asked; after
    a stop of this process, asking again finishes it. The result raises what ``operations.forget`` raises.

    Raises NotMeant unless the name was typed, NotPossible, and ImportUnderWay.
    """
    if typed_name.strip() != whose.name:
        raise NotMeant(f"to remove everything, type the name as it is written here: {whose.name}")
    if context.runs is None:
        raise NotPossible("this process does not know Dagster's runs: use `myi forget`")
    settings = context.settings
    runs = context.runs(settings)
    require_idle(runs, whose.name)

    def forget() -> ForgottenUser:
        with context.owning() as conn:
            return forget_user(Places(conn, store_of(settings), settings.uploads, runs), whose.name)

    executor = ThreadPoolExecutor(1, thread_name_prefix="forget")
    try:
        return executor.submit(forget)
    finally:
        executor.shutdown(wait=False)
