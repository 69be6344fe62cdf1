"""Top lists: ask Spotify for a user's top tracks and artists in six calls, and replace all lists together.

``warehouse.top_list_history`` knows which users are due, and stores the lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
from myi_pipelines.sources.spotify.api_errors import SpotifyError
from myi_pipelines.sources.spotify.client import Term
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.warehouse import top_list_history
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.spotify_payloads import ObjectType, SpotifyObject, land_objects
from myi_pipelines.warehouse.top_list_history import TopLists

TERMS: tuple[Term, ...] = ("short_term", "medium_term", "long_term")


class Refreshed(NamedTuple):
    """The result of refreshing one user's lists."""

    user_id: int
    user: str
    tracks: int
    """Rows of the three lists that are shown now."""
    artists: int
    error: str | None
    """Why the earlier lists stay. None when they were replaced."""


def refresh_due(conn: Connection, access: SpotifyAccess, *, now: datetime) -> list[Refreshed]:
    """Refresh the lists of every user whose lists are due and whom no other process handles."""
    done = []
    for user in top_list_history.due_users(conn, now):
        with top_list_history.refreshing(conn, user.user_id) as is_claimed:
            if is_claimed and user in top_list_history.due_users(conn, now):
                done.append(_refresh(conn, access, user, now))
    return done


def refresh_now(
    conn: Connection, access: SpotifyAccess, users: Sequence[LinkedUser], *, now: datetime
) -> list[Refreshed]:
    """Refresh the lists of these users, due or not. The result leaves out users whom another process handles."""
    done = []
    for user in users:
        with top_list_history.refreshing(conn, user.user_id) as is_claimed:
            if is_claimed:
                done.append(_refresh(conn, access, user, now))
    return done


def _refresh(conn: Connection, access: SpotifyAccess, user: LinkedUser, now: datetime) -> Refreshed:
    """Replace all six lists or none. The metadata in the replies lands in both cases."""
    tracks: dict[str, list[str]] = {}
    artists: dict[str, list[str]] = {}
    objects: list[SpotifyObject] = []
    error: str | None = None
    try:
        for term in TERMS:
            tracks[term.upper()] = _ids(objects, "track", _top_tracks(access, user, term))
            artists[term.upper()] = _ids(objects, "artist", _top_artists(access, user, term))
    except SpotifyError as refusal:
        error = str(refusal)
    land_objects(conn, objects)
    sync_catalog(conn)
    if error is not None:
        return Refreshed(user.user_id, user.name, 0, 0, error)
    shown = top_list_history.replace_top_lists(conn, user.user_id, TopLists(tracks, artists), now)
    return Refreshed(user.user_id, user.name, shown.tracks, shown.artists, None)


def _top_tracks(access: SpotifyAccess, user: LinkedUser, term: Term) -> list[dict[str, Any]]:
    client, tokens = access
    return tokens.call(user.user_id, lambda token: client.top_tracks(token, term, priority=Priority.TOP_LISTS))


def _top_artists(access: SpotifyAccess, user: LinkedUser, term: Term) -> list[dict[str, Any]]:
    client, tokens = access
    return tokens.call(user.user_id, lambda token: client.top_artists(token, term, priority=Priority.TOP_LISTS))


def _ids(objects: list[SpotifyObject], object_type: ObjectType, payloads: Sequence[dict[str, Any]]) -> list[str]:
    """The ids by rank. Adds the payloads to ``objects``. Leaves out local files, which have no id."""
    listed = [(payload["id"], payload) for payload in payloads if isinstance(payload.get("id"), str) and payload["id"]]
    objects += [SpotifyObject(object_type, spotify_id, payload) for spotify_id, payload in listed]
    return [spotify_id for spotify_id, _ in listed]
