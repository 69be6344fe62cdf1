"""Polling: ask Spotify for the recently played tracks of the users who are due, several users at the same time.

``warehouse.polls`` lands the pages. Nothing is derived from the plays here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
from myi_pipelines.sources.spotify.api_errors import (
    Forbidden,
    ForbiddenKind,
    InvalidClient,
    LoginNeeded,
    RateLimited,
    SpotifyError,
)
from myi_pipelines.sources.spotify.client import RecentPlay, is_id
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines.warehouse import polls
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.landing import PolledPlay
from myi_pipelines.warehouse.poll_pacing import COOLDOWN, AggregateDemand, Quota
from myi_pipelines.warehouse.polls import Gap, RecentPage
from myi_pipelines.warehouse.spotify_accounts import LinkedUser, linked_users
from myi_pipelines.warehouse.spotify_payloads import Payload

AT_ONCE = 5
MOST_COOLDOWNS = 4
"""The longest pause after failures, in cooldowns. After a longer pause, plays could leave the visible window."""
WHILE_FORBIDDEN = timedelta(hours=1)
WHILE_NOT_REGISTERED = timedelta(days=1)

_REFUSALS = (Forbidden, InvalidClient, LoginNeeded)
"""Errors that waiting does not mend."""

Connect: TypeAlias = Callable[[], AbstractContextManager[Connection]]
"""Opens an autocommit connection. Each thread opens its own."""


class Polled(NamedTuple):
    """The result of polling one user."""

    user_id: int
    user: str
    seen: int
    """Plays on the page."""
    added: int
    """Plays that were not known before."""
    gap: Gap | None
    next_poll_at: datetime
    error: str | None
    """Why there is no page. None when there is one."""


def poll_due(connect: Connect, access: SpotifyAccess, *, now: datetime, quota: Quota) -> list[Polled]:
    """Poll every user who is due and whom no other process polls, five at a time.

    A user who is due while no call may be made stays due. If Spotify refuses the call for one user, that user's result
    has the error, and the others are polled. Any other error is raised after all users had their turn.
    """
    with connect() as conn:
        users = polls.due_users(conn, now)
    return _Poller(connect, access, now, quota).poll(users, on_demand=False)


def poll_now(
    connect: Connect, access: SpotifyAccess, users: Sequence[LinkedUser], *, now: datetime, quota: Quota
) -> list[Polled]:
    """Poll these users, due or not. The result leaves out users who were polled within the cooldown."""
    return _Poller(connect, access, now, quota).poll(users, on_demand=True)


def reason_to_skip(conn: Connection, gate: Gate, now: datetime) -> str | None:
    """Why a tick need not poll at all. None when a user can be polled."""
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


@dataclass(frozen=True)
class _Poller:
    connect: Connect
    access: SpotifyAccess
    now: datetime
    quota: Quota

    def poll(self, users: Sequence[LinkedUser], *, on_demand: bool) -> list[Polled]:
        if not users:
            return []
        with self.connect() as conn:
            total_demand = polls.linked_demand(conn, self.now, self.quota)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="poll") as pool:
            polling_threads = [pool.submit(self._poll_if_claimed, user, total_demand, on_demand) for user in users]
            try:
                wait(polling_threads)
            except BaseException:  # The run is ended from outside: poll no more users.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [polled for thread in polling_threads if (polled := thread.result()) is not None]

    def _poll_if_claimed(self, user: LinkedUser, total_demand: AggregateDemand, on_demand: bool) -> Polled | None:
        refusal = self.access.client.gate.refusal(EndpointGroup.RECENTLY_PLAYED, Priority.POLL)
        if refusal is not None:
            return Polled(user.user_id, user.name, 0, 0, None, _next_try(refusal, 0, self.now), str(refusal))
        with self.connect() as conn:
            is_claimed = polls.claim(conn, user.user_id, self.now, on_demand=on_demand)
        return self._poll_user(user, total_demand) if is_claimed else None

    def _poll_user(self, user: LinkedUser, total_demand: AggregateDemand) -> Polled:
        """Hold no connection during the call to Spotify, which may take a while."""
        client, tokens = self.access
        try:
            rows = tokens.call(user.user_id, lambda token: client.recently_played(token, priority=Priority.POLL))
        except SpotifyError as error:
            with self.connect() as conn:
                next_poll_at = _next_try(error, polls.consecutive_failures(conn, user.user_id), self.now)
                polls.record_failure(
                    conn, user.user_id, str(error), next_poll_at, is_refused=isinstance(error, _REFUSALS)
                )
            return Polled(user.user_id, user.name, 0, 0, None, next_poll_at, str(error))
        page = _page(rows)
        with self.connect() as conn:
            landed = polls.land_page(conn, user.user_id, page, now=self.now, total_demand=total_demand)
        return Polled(user.user_id, user.name, len(page.plays), landed.added, landed.gap, landed.next_poll_at, None)


def _next_try(error: SpotifyError, failures: int, now: datetime) -> datetime:
    """When to poll again after a failure, with ``failures`` consecutive failures before it."""
    if isinstance(error, RateLimited):
        return max(error.retry_at, now + COOLDOWN)
    if isinstance(error, Forbidden) and error.kind is ForbiddenKind.NOT_REGISTERED:
        return now + WHILE_NOT_REGISTERED
    if isinstance(error, Forbidden):
        return now + WHILE_FORBIDDEN
    return now + COOLDOWN * min(1 << min(failures, 10), MOST_COOLDOWNS)


def _page(rows: Sequence[RecentPlay]) -> RecentPage:
    """The plays of tracks with a Spotify id, and those tracks. Local files and episodes are left out."""
    plays: list[PolledPlay] = []
    tracks: dict[str, Payload] = {}
    for row in rows:
        track = row.track
        spotify_id = track.get("id")
        if isinstance(spotify_id, str) and is_id(spotify_id) and track.get("type", "track") == "track":
            length = track.get("duration_ms")
            is_length = type(length) is int and 0 < length < 2**31
            plays.append(
                PolledPlay(row.played_at, spotify_id, length if is_length else None, row.context_type, row.context_uri)
            )
            tracks[spotify_id] = track
    return RecentPage(plays, tracks)
