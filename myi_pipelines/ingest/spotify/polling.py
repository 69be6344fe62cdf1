"""Polling: listeners who are due are asked for their recently played tracks, a few at a time, each on their own. What
the warehouse makes of a page is ``warehouse.polling``'s business; nothing is derived from the plays here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.sources.spotify.api_errors import Forbidden, ForbiddenKind, RateLimited, SpotifyError
from myi_pipelines.sources.spotify.client import RecentPlay, SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines.warehouse import polls
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.landing import PolledPlay
from myi_pipelines.warehouse.poll_pacing import COOLDOWN, AggregateDemand, Quota
from myi_pipelines.warehouse.polls import Gap
from myi_pipelines.warehouse.spotify_accounts import LinkedUser, linked_users
from myi_pipelines.warehouse.spotify_payloads import Payload

AT_ONCE = 5
MOST_COOLDOWNS = 4
"""However often polls failed, the next one comes within so many cooldowns: longer, and plays would leave the window."""
WHILE_FORBIDDEN = timedelta(hours=1)
WHILE_NOT_REGISTERED = timedelta(days=1)

Connect: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Opens an autocommit connection of its own for each of several threads."""


class Polled(NamedTuple):
    """What came of polling one listener."""

    user_id: int
    user: str
    seen: int
    """Plays on the page."""
    added: int
    """Plays that were not known before."""
    gap: Gap | None
    next_poll_at: datetime
    error: str | None
    """Why there is no page; None when there is one."""


def poll_due(
    connect: Connect, client: SpotifyClient, tokens: AccessTokens, *, now: datetime, quota: Quota
) -> list[Polled]:
    """Poll every listener who is due and whom no other process is polling, five at a time.

    Who is due while no call may be made stays due. What Spotify refuses to one listener is told in their result and
    does not touch the others. Any other error is raised once everybody had their turn.
    """
    with connect() as conn:
        users = polls.due_users(conn, now)
    return _poll(connect, client, tokens, users, now=now, quota=quota, on_demand=False)


def poll_now(
    connect: Connect,
    client: SpotifyClient,
    tokens: AccessTokens,
    users: Sequence[LinkedUser],
    *,
    now: datetime,
    quota: Quota,
) -> list[Polled]:
    """Poll these listeners whether due or not. Who was polled within the cooldown is left out of the result."""
    return _poll(connect, client, tokens, users, now=now, quota=quota, on_demand=True)


def reason_to_skip(conn: Connection, gate: Gate, now: datetime) -> str | None:
    """Why a tick need not poll at all; None when somebody can be polled."""
    linked = linked_users(conn)
    if not linked:
        return "no Spotify account is linked; run `myi login`"
    refusal = gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
    if refusal is not None:
        return str(refusal)
    if not polls.due_users(conn, now):
        next_at = min((state.next_poll_at for state in polls.poll_states(conn) if state.next_poll_at), default=now)
        return f"none of {len(linked)} linked accounts is due before {next_at:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _poll(
    connect: Connect,
    client: SpotifyClient,
    tokens: AccessTokens,
    users: Sequence[LinkedUser],
    *,
    now: datetime,
    quota: Quota,
    on_demand: bool,
) -> list[Polled]:
    if not users:
        return []
    with connect() as conn:
        total_demand = polls.linked_demand(conn, now, quota)

    def poll(user: LinkedUser) -> Polled | None:
        refusal = client.gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
        if refusal is not None:
            return Polled(user.user_id, user.name, 0, 0, None, _next_try(refusal, 0, now), str(refusal))
        with connect() as conn:
            is_mine = polls.claim(conn, user.user_id, now, on_demand=on_demand)
        return _poll_user(connect, client, tokens, user, now, total_demand) if is_mine else None

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="poll") as pool:
        polling_threads = [pool.submit(poll, user) for user in users]
        try:
            wait(polling_threads)
        except BaseException:  # The run is ended from outside: nobody else is polled.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [polled for one in polling_threads if (polled := one.result()) is not None]


def _poll_user(
    connect: Connect,
    client: SpotifyClient,
    tokens: AccessTokens,
    user: LinkedUser,
    now: datetime,
    total_demand: AggregateDemand,
) -> Polled:
    """No connection is held while Spotify is asked, which may take a while."""
    try:
        page = tokens.call(user.user_id, lambda token: client.recently_played(token, priority=Priority.POLL))
    except SpotifyError as error:
        with connect() as conn:
            next_poll_at = _next_try(error, polls.consecutive_failures(conn, user.user_id), now)
            polls.record_failure(conn, user.user_id, str(error), next_poll_at)
        return Polled(user.user_id, user.name, 0, 0, None, next_poll_at, str(error))
    plays, tracks = _plays(page)
    with connect() as conn:
        landed = polls.land_page(
            conn, user.user_id, plays, tracks, page_size=len(page), now=now, total_demand=total_demand
        )
    return Polled(user.user_id, user.name, len(plays), landed.added, landed.gap, landed.next_poll_at, None)


def _next_try(error: SpotifyError, failures: int, now: datetime) -> datetime:
    """After a failure, with so many in a row before it."""
    if isinstance(error, RateLimited):
        return max(error.retry_at, now + COOLDOWN)
    if isinstance(error, Forbidden) and error.kind is ForbiddenKind.NOT_REGISTERED:
        return now + WHILE_NOT_REGISTERED
    if isinstance(error, Forbidden):
        return now + WHILE_FORBIDDEN
    return now + COOLDOWN * min(1 << min(failures, 10), MOST_COOLDOWNS)


def _plays(page: Sequence[RecentPlay]) -> tuple[list[PolledPlay], dict[str, Payload]]:
    """The plays of tracks that Spotify knows by an id, and those tracks. Local files and episodes are none."""
    plays: list[PolledPlay] = []
    tracks: dict[str, Payload] = {}
    for play in page:
        track = play.track
        spotify_id = track.get("id")
        if isinstance(spotify_id, str) and spotify_id and track.get("type", "track") == "track":
            length = track.get("duration_ms")
            is_length = type(length) is int and 0 < length < 2**31
            plays.append(PolledPlay(play.played_at, spotify_id, length if is_length else None))
            tracks[spotify_id] = track
    return plays, tracks
