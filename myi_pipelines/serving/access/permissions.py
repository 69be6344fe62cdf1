"""What a viewer may see of a listener, part by part. What may not be seen is answered like what does not exist: 404.

``require`` and ``parts_shown`` are the two questions that pages and the API ask. The rules are in ``parts_of``, which
knows neither HTTP nor the database, and are tested for every viewer, part and flag.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from starlette.exceptions import HTTPException

from myi_pipelines.serving.access.viewers import Kind, Right, Viewer
from myi_pipelines.serving.queries.listeners import find_listener
from myi_pipelines.serving.queries.scope import Listener
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.users import UnknownUser


class Part(Enum):
    """A part of what there is of a listener."""

    PROFILE = "the name, the display name, since when, and that the listener exists"
    TOP_TRACKS = "most played songs, tracks and albums, with their counts"
    TOP_ARTISTS = "most played artists and genres, with their counts"
    LISTENING_TIME = "totals and how they change: plays, time, days, streaks"
    STATS = "every other statistic: habits, item pages, search, discoveries, reviews"
    HISTORY = "single plays: what, when, and on what"
    EMBED = "cards, badges and widgets"
    COMPARISON = "what two listeners have in common; both must agree"
    SUBMIT = "add plays"
    IMPORT = "exports: those that were imported, gaps, and to upload another"
    CORRECT = "corrections, and to make them, undo imports, and take them back"
    MANAGE = "settings, tokens, sessions, and to change them"


class Sharing(NamedTuple):
    """What a listener shows to everybody. Everything is private unless it is turned on."""

    is_public_profile: bool = False
    share_top_tracks: bool = False
    share_top_artists: bool = False
    share_listening_time: bool = False
    share_history: bool = False
    allows_comparison: bool = False
    """With another listener who allows it too."""


PRIVATE = Sharing()
ALL = frozenset(Part)
NONE: frozenset[Part] = frozenset()

_OF_RIGHTS: dict[Right, frozenset[Part]] = {
    Right.READ_STATS: frozenset(
        {Part.PROFILE, Part.TOP_TRACKS, Part.TOP_ARTISTS, Part.LISTENING_TIME, Part.STATS, Part.EMBED}
    ),
    Right.READ_HISTORY: frozenset({Part.PROFILE, Part.HISTORY}),
    Right.WRITE_LISTENS: frozenset({Part.SUBMIT, Part.IMPORT}),
    Right.WRITE_CORRECTIONS: frozenset({Part.CORRECT}),
    Right.READ_EMBED: frozenset({Part.EMBED}),
    Right.READ_METRICS: NONE,
}


class HasId(Protocol):
    """A listener, as queries give one, or anything that tells its ``users.id``."""

    @property
    def id(self) -> int:
        """users.id"""


class NotVisible(HTTPException):
    """The viewer may not see it, or it does not exist: nobody learns which."""

    def __init__(self) -> None:
        super().__init__(404)


class InvalidToken(HTTPException):
    """A request carries a token that is revoked, expired or none."""

    def __init__(self) -> None:
        super().__init__(401, "the token is not valid", {"WWW-Authenticate": "Bearer"})


class SignInNeeded(HTTPException):
    """Only somebody who is signed in has such a page: pages answer with the way to sign in, the API with 401."""

    def __init__(self) -> None:
        super().__init__(401)


def parts_of(viewer: Viewer, listener_id: int, sharing: Sharing, own: Sharing = PRIVATE) -> frozenset[Part]:
    """The parts of a listener that a viewer may see, or do. ``own`` is what the viewer, a listener, shares."""
    if viewer.is_operator:
        return ALL - {Part.SUBMIT}
    shared = _shared(sharing)
    if viewer.user_id != listener_id:
        both = viewer.kind is Kind.LISTENER and sharing.allows_comparison and own.allows_comparison
        return shared | {Part.COMPARISON} if both else shared
    if viewer.kind is Kind.LISTENER:
        return ALL
    return shared.union(*(_OF_RIGHTS[right] for right in viewer.rights))


def parts_shown(conn: Connection, viewer: Viewer, listener: HasId) -> frozenset[Part]:
    """The parts of a listener that a viewer may see, or do. ``conn`` is the reader's."""
    sharing = own = PRIVATE
    if not viewer.is_operator and not (viewer.kind is Kind.LISTENER and viewer.user_id == listener.id):
        sharing = sharing_of(conn, listener.id)
        if sharing.allows_comparison and viewer.kind is Kind.LISTENER and viewer.user_id is not None:
            own = sharing_of(conn, viewer.user_id)
    return parts_of(viewer, listener.id, sharing, own)


def find_shown(conn: Connection, viewer: Viewer, name: str, part: Part) -> tuple[Listener, frozenset[Part]]:
    """The listener of a name and the parts of them that a viewer may see, if the part is among them. ``conn`` is the
    reader's. Raises NotVisible, which takes as long for a name that nobody has."""
    try:
        listener = find_listener(conn, name)
    except UnknownUser:
        sharing_of(conn, 0)
        raise NotVisible from None
    parts = parts_shown(conn, viewer, listener)
    if part not in parts:
        raise NotVisible
    return listener, parts


def require(conn: Connection, viewer: Viewer, listener: HasId | None, part: Part) -> None:
    """Raise NotVisible unless the listener exists and the viewer may see the part. ``conn`` is the reader's."""
    if listener is None or part not in parts_shown(conn, viewer, listener):
        raise NotVisible


def require_operator(viewer: Viewer) -> None:
    """Raise SignInNeeded for a stranger, and NotVisible for whoever else is not the operator."""
    if viewer.is_stranger:
        raise SignInNeeded
    if not viewer.is_operator:
        raise NotVisible


def require_person(viewer: Viewer) -> None:
    """Raise SignInNeeded unless somebody is signed in."""
    if not viewer.is_person:
        raise SignInNeeded


def sharing_of(conn: Connection, listener_id: int) -> Sharing:
    """What a listener shows to everybody; nothing where there is no such listener."""
    row = conn.execute(statement("access/sharing"), {"user_id": listener_id}).fetchone()
    return Sharing(*row) if row else PRIVATE


def _shared(sharing: Sharing) -> frozenset[Part]:
    if not sharing.is_public_profile:
        return NONE
    flags = {
        Part.TOP_TRACKS: sharing.share_top_tracks,
        Part.TOP_ARTISTS: sharing.share_top_artists,
        Part.LISTENING_TIME: sharing.share_listening_time,
        Part.HISTORY: sharing.share_history,
    }
    return frozenset({Part.PROFILE, *(part for part, is_shared in flags.items() if is_shared)})
