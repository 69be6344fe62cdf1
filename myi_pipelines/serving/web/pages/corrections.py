"""Corrections: what does not count, hide more, take back."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.responses import Response

from myi_pipelines.operations.correcting import change_text
from myi_pipelines.serving import actions
from myi_pipelines.serving.web.actions import Action, Done
from myi_pipelines.serving.web.page import Page
from myi_pipelines.serving.web.said import Said, saying
from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.corrections import Correction

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


def show_corrections(page: Page) -> Response:
    """``/corrections``."""
    return saying(page.request, lambda said: _page(page, said))


def _page(page: Page, said: Said) -> Response:
    found = corrections.list_corrections(page.conn, page.listener.id)
    return page.render(
        "corrections.html",
        "Corrections",
        corrections=[_row(page, one) for one in reversed(found)],
        kinds=KINDS,
        chosen=page.query.get("kind", "song"),
        name=page.query.get("name", "")[:300],
        said=said,
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
    wanted = actions.Hidden(*(action.text(name) for name in actions.Hidden._fields))
    made = actions.hide(action.context, action.listener, wanted)
    if not made.is_new:
        return Done("corrections", f"{made.what} was hidden already.")
    return Done("corrections", f"{made.what} is hidden: {change_text(made.more_plays)}.")


def take_back(action: Action) -> Done:
    """Take a correction of the listener back."""
    made = actions.take_back(action.context, action.listener, action.number("id"))
    return Done("corrections", f"It counts again: {change_text(made.more_plays)}.")


def undo_import(action: Action) -> Done:
    """Undo an import of the listener."""
    made = actions.undo_import(action.context, action.listener, action.number("job"))
    return Done("corrections", f"{made.what} is undone: {change_text(made.more_plays)}.")
