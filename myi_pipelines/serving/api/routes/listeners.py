"""Who asks, the listeners that there are, what they set, and how fresh their numbers are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from myi_pipelines.serving.access.permissions import Part, SignInNeeded, require
from myi_pipelines.serving.api import cursors
from myi_pipelines.serving.api.answers import answered, plain, plain_list
from myi_pipelines.serving.api.asking import AboutListener, Cursor, Limit
from myi_pipelines.serving.api.routing import USER, one, plain_many, plain_one, problems
from myi_pipelines.serving.api.shapes.answers import Plain
from myi_pipelines.serving.api.shapes.listeners import (
    FreshnessShown,
    ListenerShown,
    Profile,
    SettingsChange,
    SettingsShown,
    TimeZone,
    ViewerShown,
)
from myi_pipelines.serving.context import context_of, viewer_of
from myi_pipelines.serving.queries.activity import totals
from myi_pipelines.serving.queries.listeners import listener_settings, listeners, load_listener
from myi_pipelines.serving.queries.scope import EARLIEST, Days, Listener, Scope
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.users import PREFERENCES, set_hide_incognito, set_preferences, set_timezone
from myi_pipelines.zones import zone, zone_names

router = APIRouter(tags=["listeners"])

_MINUTE = timedelta(minutes=1)
Ask = AboutListener


@plain_one(router, "/me", ViewerShown)
def me(request: Request) -> Response:
    """Who asks.

    Nobody is a stranger by mistake: a token that is not valid gets 401.
    """
    viewer = viewer_of(request)
    name = None
    if viewer.user_id is not None:
        with context_of(request).reading() as conn:
            name = load_listener(conn, viewer.user_id).name
    return plain(
        ViewerShown,
        ViewerShown(kind=viewer.kind.value, listener=name, rights=sorted(one.value for one in viewer.rights)),
    )


@plain_many(router, "/users", ListenerShown)
def users(request: Request, after: Cursor = None, limit: Limit = 100) -> Response:
    """The listeners by name, with totals of all time.

    The operator sees all; a listener, or a listener's token, only that one; whoever else gets 401.
    """
    viewer = viewer_of(request)
    if viewer.is_stranger or (viewer.user_id is None and not viewer.is_operator):
        raise SignInNeeded
    last = str(cursors.decoded(after, (str,), "users")[0]) if after else ""
    with context_of(request).reading() as conn:
        if viewer.user_id is not None:
            own = load_listener(conn, viewer.user_id)
            require(conn, viewer, own, Part.LISTENING_TIME)
            return plain_list(request, ListenerShown, [_listed(conn, own)], items=1)
        rows = listeners(conn, after=last, each=limit + 1)
    following = cursors.encoded([rows[limit - 1].name], "users") if len(rows) > limit else None
    return plain_list(request, ListenerShown, rows[:limit], following=following)


@one(router, USER, Profile)
def profile(ask: Ask) -> Response:
    """A listener: the name, since when, and what of it whoever asks may see."""
    with ask.about(Part.PROFILE) as asked:
        listener = asked.listener
        shown = [part.name for part in Part if part in asked.parts]
        return answered(
            asked,
            Profile,
            Profile(
                name=listener.name,
                display_name=listener.display_name,
                first_day=listener.ever and listener.ever.first,
                last_day=listener.ever and listener.ever.last,
                shown=shown,
            ),
        )


@plain_one(router, f"{USER}/freshness", FreshnessShown)
def freshness(ask: Ask) -> Response:
    """Until when plays are counted, and what is being derived. It has no `ETag`: a poll without plays moves it too."""
    with ask.about(Part.PROFILE) as asked:
        return plain(FreshnessShown, asked.fresh)


@one(router, f"{USER}/settings", SettingsShown)
def settings(ask: Ask) -> Response:
    """What a listener set. For the listener and the operator."""
    with ask.about(Part.MANAGE) as asked:
        return answered(asked, SettingsShown, listener_settings(asked.conn, asked.listener))


@router.patch(f"{USER}/settings", response_model=Plain[SettingsShown], responses=problems(400, 401, 403, 404, 503))
def change_settings(ask: Ask, change: SettingsChange) -> Response:
    """Set some of what a listener can set. For the listener and the operator, signed in.

    It answers with all settings as they are then.
    """
    with ask.about(Part.MANAGE) as asked:
        listener = asked.listener
    values = change.model_dump(exclude_none=True)
    preferences = {name: value for name, value in values.items() if name in PREFERENCES}
    with context_of(ask.request).owning() as conn:
        if change.timezone is not None:
            set_timezone(conn, listener.name, change.timezone)
        if change.hide_incognito is not None:
            set_hide_incognito(conn, listener.name, hide=change.hide_incognito)
        if preferences:
            set_preferences(conn, listener.id, preferences)
        return plain(SettingsShown, listener_settings(conn, listener))


@plain_many(router, "/time-zones", TimeZone)
def time_zones(
    request: Request,
    q: Annotated[str, Query(max_length=60, description="A part of the name.", examples=["berlin"])] = "",
) -> Response:
    """The time zones that can be set, by name."""
    now = datetime.now(UTC)
    found = [name for name in _zone_names() if q.casefold().replace(" ", "_") in name.casefold()]
    zones = [
        TimeZone(name=name, utc_offset_minutes=(now.astimezone(zone(name)).utcoffset() or timedelta()) // _MINUTE)
        for name in found
    ]
    return plain_list(request, TimeZone, zones, items=len(zones))


def _listed(conn: Connection, listener: Listener) -> ListenerShown:
    found = totals(conn, Scope(listener, listener.ever or Days(EARLIEST, EARLIEST)))
    return ListenerShown(
        name=listener.name,
        display_name=listener.display_name,
        play_count=found.play_count,
        total_ms=found.total_ms,
        last_day=listener.ever and listener.ever.last,
    )


@cache
def _zone_names() -> list[str]:
    return sorted(name for name in zone_names() if "/" in name or name == "UTC")
