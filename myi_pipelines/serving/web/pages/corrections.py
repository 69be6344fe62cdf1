"""Corrections: what does not count, hide more, take back."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.responses import Response

from myi_pipelines.errors import InputError
from myi_pipelines.operations import correcting
from myi_pipelines.operations.archiving import restoring_from, store_of
from myi_pipelines.serving.web.actions import Action, Done
from myi_pipelines.serving.web.page import Page
from myi_pipelines.text import counted
from myi_pipelines.warehouse import correction_targets, corrections
from myi_pipelines.warehouse.corrections import Correction, Kind
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.import_jobs import UnknownJob, find_job
from myi_pipelines.warehouse.session import Session

KINDS = (
    ("song", "a song"),
    ("track", "a recording"),
    ("artist", "an artist"),
    ("album", "an album"),
    ("show", "a show"),
)
WORDS = {
    "HIDE_TRACK": "recording",
    "HIDE_SONG": "song",
    "HIDE_ARTIST": "artist",
    "HIDE_ALBUM": "album",
    "HIDE_SHOW": "show",
    "HIDE_PLAY": "play",
    "HIDE_PERIOD": "everything",
    "UNDO_IMPORT": "import",
    "JOIN_SONGS": "one song:",
    "SPLIT_SONG": "a song of its own:",
}


class Row(NamedTuple):
    id: int
    text: str
    plays: str
    when: str


class Ambiguous(InputError):
    """A name means several things."""


def show_corrections(page: Page) -> Response:
    """``/corrections``."""
    found = corrections.list_corrections(page.conn, page.listener.id)
    return page.render(
        "corrections.html",
        "Corrections",
        corrections=[_row(page, one) for one in reversed(found)],
        kinds=KINDS,
        chosen=page.query.get("kind", "song"),
        name=page.query.get("name", "")[:300],
        said=page.query.get("said", "")[:500],
        is_alert=page.query.get("alert") == "yes",
    )


def _row(page: Page, one: Correction) -> Row:
    return Row(
        one.id,
        f"{WORDS.get(one.kind, one.kind)} {one.names or _what(one.what)}",
        page.formats.plays(one.play_count) if one.play_count is not None else "",
        page.formats.moment(one.created_at),
    )


def _what(what: Any) -> str:
    parts = {key: value for key, value in dict(what).items() if value}
    if "from" in parts or "until" in parts:
        return f"from {str(parts.get('from', 'the beginning'))[:16]} until {str(parts.get('until', 'now'))[:16]} (UTC)"
    if "job_id" in parts:
        return str(parts["job_id"])
    return ", ".join(str(value) for value in parts.values() if isinstance(value, str))


def hide(action: Action) -> Done:
    """Hide what a form names. Raises NoSuchTarget, WrongAddress and Ambiguous."""
    kind, name = action.text("kind"), action.text("name")
    if kind not in {"song", "track", "artist", "album", "show", "period"} or (kind != "period" and not name):
        raise InputError("say what to hide")
    hidden = Kind[f"HIDE_{kind.upper()}"]
    with action.context.owning() as conn:
        user_id = action.listener.id
        what: dict[str, Any]
        if hidden is Kind.HIDE_PERIOD:
            span = correction_targets.span_between(conn, user_id, action.text("first"), action.text("last"))
            what, shown = span.what, "What was played then"
        elif hidden is Kind.HIDE_SHOW:
            show = correction_targets.find_show(conn, user_id, name)
            what, shown = show.what, str(show)
        else:
            artist = action.text("artist") or None
            targets = correction_targets.find_targets(conn, user_id, hidden, name, artist)
            if len(targets) > 1:
                several = ", ".join(str(target) for target in targets[:5])
                raise Ambiguous(f"{name} means several: {several}. Name the artist, or give the address from Spotify.")
            what, shown = targets[0].what, str(targets[0])
        outcome = correcting.hide(session_of(action, conn), user_id, hidden, what)
    if not outcome.corrected.is_new:
        return Done("corrections", f"{shown} was hidden already.")
    removed = outcome.derived.removed + outcome.derived.episodes
    return Done("corrections", f"{shown} is hidden: {counted(removed, 'play')} less.")


def take_back(action: Action) -> Done:
    """Take a correction of the listener back."""
    with action.context.owning() as conn:
        own = {one.id for one in corrections.list_corrections(conn, action.listener.id)}
        number = action.number("id")
        if number not in own:
            raise corrections.UnknownCorrection("there is no such correction; it may have been taken back already")
        correcting.take_back(session_of(action, conn), [number])
    return Done("corrections", "It counts again.")


def undo_import(action: Action) -> Done:
    """Undo an import of the listener."""
    with action.context.owning() as conn:
        job = find_job(conn, action.number("job"))
        if job.user != action.listener.name:
            raise UnknownJob("there is no such import")
        correcting.undo_import(session_of(action, conn), job.id)
    return Done("corrections", f"The import of {job.file_name} is undone.")


def session_of(action: Action, conn: Connection) -> Session:
    """The rules by which what a correction changes is derived at once."""
    settings = action.context.settings
    restoring = restoring_from(store_of(settings))
    return Session(conn, min_play_ms=settings.min_play_ms, restore_archived=restoring)
