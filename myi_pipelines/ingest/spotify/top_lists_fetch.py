"""Top lists: what Spotify lists as a listener's top tracks and artists, asked for in six calls, swapped as one. Whose
are due and how they are kept is ``warehouse.top_lists``' business."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.sources.spotify.api_errors import SpotifyError
from myi_pipelines.sources.spotify.client import SpotifyClient, Term
from myi_pipelines.sources.spotify.rate_limits import Priority
from myi_pipelines.warehouse import top_list_history
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines.warehouse.spotify_payloads import ObjectType, SpotifyObject, land_objects
from myi_pipelines.warehouse.top_list_history import TopLists

TERMS: tuple[Term, ...] = ("short_term", "medium_term", "long_term")


class Refreshed(NamedTuple):
    """What came of refreshing one listener's lists."""

    user_id: int
    user: str
    tracks: int
    """Rows of the three lists now shown."""
    artists: int
    error: str | None
    """Why the earlier lists stay; None when they were replaced."""


def refresh_due(conn: Connection, client: SpotifyClient, tokens: AccessTokens, *, now: datetime) -> list[Refreshed]:
    """Refresh the lists of every listener whose lists are due and whom no other process is at."""
    done = []
    for user in top_list_history.due_users(conn, now):
        with top_list_history.refreshing(conn, user.user_id) as is_mine:
            if is_mine and user in top_list_history.due_users(conn, now):
                done.append(_refresh(conn, client, tokens, user, now))
    return done


def refresh_now(
    conn: Connection, client: SpotifyClient, tokens: AccessTokens, users: Sequence[LinkedUser], *, now: datetime
) -> list[Refreshed]:
    """Refresh the lists of these listeners, due or not. Whom another process is at is left out of the result."""
    done = []
    for user in users:
        with top_list_history.refreshing(conn, user.user_id) as is_mine:
            if is_mine:
                done.append(_refresh(conn, client, tokens, user, now))
    return done


def _refresh(
    conn: Connection, client: SpotifyClient, tokens: AccessTokens, user: LinkedUser, now: datetime
) -> Refreshed:
    """All six lists or none; the metadata that came with them lands either way."""
    tracks: dict[str, list[str]] = {}
    artists: dict[str, list[str]] = {}
    told: list[SpotifyObject] = []
    error: str | None = None
    try:
        for term in TERMS:
            tracks[term.upper()] = _ids(told, "track", _top_tracks(client, tokens, user, term))
            artists[term.upper()] = _ids(told, "artist", _top_artists(client, tokens, user, term))
    except SpotifyError as refusal:
        error = str(refusal)
    land_objects(conn, told)
    sync_catalog(conn)
    if error is not None:
        return Refreshed(user.user_id, user.name, 0, 0, error)
    shown = top_list_history.replace_top_lists(conn, user.user_id, TopLists(tracks, artists), now)
    return Refreshed(user.user_id, user.name, shown.tracks, shown.artists, None)


def _top_tracks(client: SpotifyClient, tokens: AccessTokens, user: LinkedUser, term: Term) -> list[dict[str, Any]]:
    return tokens.call(user.user_id, lambda token: client.top_tracks(token, term, priority=Priority.TOP_LISTS))


def _top_artists(client: SpotifyClient, tokens: AccessTokens, user: LinkedUser, term: Term) -> list[dict[str, Any]]:
    return tokens.call(user.user_id, lambda token: client.top_artists(token, term, priority=Priority.TOP_LISTS))


def _ids(told: list[SpotifyObject], object_type: ObjectType, payloads: Sequence[dict[str, Any]]) -> list[str]:
    """The ids by rank; the payloads go to ``told``. Local files, which have no id, are left out."""
    listed = [(payload["id"], payload) for payload in payloads if isinstance(payload.get("id"), str) and payload["id"]]
    told += [SpotifyObject(object_type, spotify_id, payload) for spotify_id, payload in listed]
    return [spotify_id for spotify_id, _ in listed]
