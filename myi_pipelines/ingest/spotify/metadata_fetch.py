"""Fetches the catalog's missing metadata from Spotify's API, the most played first, in as few calls as the app's mode
allows, with any number of workers. The warehouse says what is missing and what a payload means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import redis

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.sources.spotify.api_errors import (
    Forbidden,
    ForbiddenKind,
    Gone,
    InvalidClient,
    LoginNeeded,
    QuotaExceeded,
    RateLimited,
    SpotifyError,
    Unauthenticated,
    Unavailable,
)
from myi_pipelines.sources.spotify.client import ARTISTS_A_CALL, TRACKS_A_CALL, SpotifyClient
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.metadata_backlog import (
    Unresolved,
    Wanted,
    land_answers,
    land_found,
    record_failure,
    unresolved,
    wanted,
)
from myi_pipelines.warehouse.spotify_accounts import linked_users
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject

FRESH_FOR = timedelta(hours=24)
"""How long nobody else fetches what one worker has fetched."""

LEASE = timedelta(minutes=10)
"""How long a worker may take to fetch what it has claimed; one that was killed blocks nobody for longer."""

NO_BATCHES_FOR = timedelta(days=7)
"""When to ask again whether the app may fetch several objects in one call."""

ROUND = 20
"""Calls after which the catalog takes in what they told: albums get ids, and one call may tell of many tracks."""

LOOK_AHEAD = 1_000
"""Entities to choose from."""

GIVE_UP_AFTER = 5
"""Failures in a row after which something is wrong that more calls will not mend."""

FAMILIES = {"track": EndpointGroup.TRACKS, "album": EndpointGroup.ALBUMS, "artist": EndpointGroup.ARTISTS}

T = TypeVar("T")

_BATCHES = "myi:enrich:no-batches"

_HANDS_OFF = (RateLimited, Unavailable, Forbidden, LoginNeeded, Unauthenticated, InvalidClient)
"""Errors that are nobody's fault but end the run: what was claimed is left to whoever comes next."""


@dataclass
class Enriched:
    """What one run did."""

    calls: Counter[EndpointGroup] = field(default_factory=Counter)
    tracks: int = 0
    artists: int = 0
    albums: int = 0
    gone: int = 0
    resolved: int = 0
    """Tracks of account data of which a search found the id."""
    failed: int = 0
    stopped: str | None = None
    """Why it ended before everything was done; None when it did all it could."""
    retry_at: datetime | None = None

    @property
    def total_calls(self) -> int:
        return self.calls.total()


def enrich(
    conn: Connection,
    client: SpotifyClient,
    tokens: AccessTokens,
    redis_url: str,
    *,
    limit: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Enriched:
    """Fetch missing metadata with at most ``limit`` calls, and bring the catalog up to date.

    Commits as it goes, so that it may be killed at any time. Ends quietly, and says why, when calls may not be made
    now. Slices that change are marked; events and statistics follow them elsewhere.
    """
    enriched = Enriched()
    with redis.Redis.from_url(redis_url) as client_of_redis:
        worker = _Worker(conn, client, tokens, _Claims(client_of_redis), now, limit, enriched)
        try:
            worker.work()
        except _HANDS_OFF as error:
            enriched.stopped = str(error)
            enriched.retry_at = error.retry_at if isinstance(error, RateLimited | Unavailable) else None
        except redis.RedisError:
            enriched.stopped = "Redis does not answer"
        except _TooManyFailures as error:
            enriched.stopped = str(error)
    sync_catalog(conn)
    return enriched


def reason_to_skip(conn: Connection, gate: Gate, now: datetime) -> str | None:
    """Why a run would fetch nothing; None when something can be fetched."""
    if not linked_users(conn):
        return "no Spotify account is linked; run `myi login`"
    families = list(FAMILIES.values()) if wanted(conn, now, 1) else []
    if unresolved(conn, now, 1):
        families.append(EndpointGroup.SEARCH)
    if not families:
        return "no metadata is missing or due"
    refusals = [gate.refusal(group, Priority.ENRICH) for group in families]
    return str(refusals[0]) if all(refusals) else None


class _TooManyFailures(Exception):
    """One reply after the other was unusable."""


class _Claims:
    """Who fetches what: one key in Redis for each entity that somebody is fetching or has fetched of late."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._me = uuid4().hex

    def take(self, one: Wanted | Unresolved) -> bool:
        """Whether this worker is the one to fetch it."""
        return bool(self._store.set(_key(one), self._me, nx=True, ex=LEASE))

    def hold(self, ones: Iterable[Wanted | Unresolved], time: timedelta) -> None:
        """Keep everybody off what this worker claimed, for that long from now."""
        for one in ones:
            self._store.set(_key(one), self._me, ex=time)

    def drop(self, ones: Iterable[Wanted | Unresolved]) -> None:
        """Leave to others what this worker claimed."""
        for one in ones:
            self._store.delete(_key(one))

    def may_batch(self) -> bool:
        return not self._store.exists(_BATCHES)

    def remember_no_batches(self) -> None:
        self._store.set(_BATCHES, 1, ex=NO_BATCHES_FOR)


class _Task(NamedTuple):
    """One call: for one object, which may tell of others, or for several of a type."""

    asked: Sequence[Wanted]
    told: Sequence[Wanted] = ()
    """Tracks that an album's reply is expected to tell of."""
    is_batch: bool = False

    @property
    def object_type(self) -> str:
        return self.asked[0].object_type

    @property
    def group(self) -> EndpointGroup:
        return FAMILIES[self.object_type]


@dataclass
class _Worker:
    conn: Connection
    client: SpotifyClient
    tokens: AccessTokens
    claims: _Claims
    now: Callable[[], datetime]
    limit: int
    enriched: Enriched
    failures_in_a_row: int = 0
    used_up: dict[EndpointGroup, QuotaExceeded] = field(default_factory=dict)
    """Families that may not be called any more; the others still may."""

    def work(self) -> None:
        """Rounds of calls, the catalog brought up to date before each, until nothing is left to do."""
        while True:
            sync_catalog(self.conn)
            choice = wanted(self.conn, self.now(), LOOK_AHEAD)
            before = self.enriched.total_calls
            for task in self._plan(choice):
                if self.enriched.total_calls - before >= ROUND:
                    break
                if self._is_spent():
                    return
                claimed = self._claimed(task)
                if claimed is not None and not self._carry_out(claimed):
                    break
            if self.enriched.total_calls == before and not self._search():
                break
        if self.used_up:
            raise min(self.used_up.values(), key=lambda error: error.retry_at)

    def _is_spent(self) -> bool:
        """Whether the limit is reached, though there is more to do."""
        if self.enriched.total_calls < self.limit:
            return False
        self.enriched.stopped = f"{self.limit} calls were made"
        return True

    def _search(self) -> bool:
        """Search for names of account data, a round of them; whether any call was made."""
        before = self.enriched.total_calls
        for one in unresolved(self.conn, self.now(), LOOK_AHEAD) if EndpointGroup.SEARCH not in self.used_up else ():
            if self.enriched.total_calls - before >= ROUND or self._is_spent():
                break
            if not self.claims.take(one):
                continue
            try:
                found = self._find(one)
            except QuotaExceeded as error:
                self.claims.drop([one])
                self.used_up[EndpointGroup.SEARCH] = error
                break
            except _HANDS_OFF:
                self.claims.drop([one])
                raise
            except SpotifyError as error:
                self._fail([one], error)
                continue
            self.enriched.resolved += land_found(self.conn, one, found, self.now())
            self.claims.hold([one], FRESH_FOR)
            self.failures_in_a_row = 0
        return self.enriched.total_calls > before

    def _find(self, one: Unresolved) -> list[dict[str, Any]]:
        return self._call(EndpointGroup.SEARCH, lambda token: self.client.search_track(token, one.name, one.artist))

    def _call(self, group: EndpointGroup, request: Callable[[str], T]) -> T:
        """One call, counted if it may be made at all."""
        if refusal := self.client.gate.refusal(group, Priority.ENRICH):
            raise refusal
        self.enriched.calls[group] += 1
        return self.tokens.call_any(request)

    def _plan(self, choice: Sequence[Wanted]) -> Iterator[_Task]:
        """The calls to make, in this order, as far as they may be made."""
        if self.claims.may_batch():
            tasks = _batches(choice)
        elif EndpointGroup.ALBUMS in self.used_up:
            tasks = [_Task([one]) for one in choice]
        else:
            tasks = _single_calls(choice)
        return (task for task in tasks if task.group not in self.used_up)

    def _claimed(self, task: _Task) -> _Task | None:
        """What of a task no other worker has claimed."""
        asked = [one for one in task.asked if self.claims.take(one)]
        if not asked:
            return None
        return task._replace(asked=asked, told=[one for one in task.told if self.claims.take(one)])

    def _carry_out(self, task: _Task) -> bool:
        """Make the call and land what it tells; False when the plan has to be made anew."""
        claimed = [*task.asked, *task.told]
        try:
            payloads = self._fetch(task)
        except Forbidden as error:
            self.claims.drop(claimed)
            if error.kind is not ForbiddenKind.BATCH_NOT_ALLOWED:
                raise
            self.claims.remember_no_batches()
            return False
        except QuotaExceeded as error:
            self.claims.drop(claimed)
            self.used_up[task.group] = error
            return True
        except _HANDS_OFF:
            self.claims.drop(claimed)
            raise
        except SpotifyError as error:
            self._fail(task.asked, error)
            self.claims.drop(task.told)
            return True
        except BaseException:
            self.claims.drop(claimed)
            raise
        self._land(task, payloads)
        return True

    def _fetch(self, task: _Task) -> list[dict[str, Any] | None]:
        """One payload for each object asked for; None for those that are gone."""
        ids = [one.spotify_id for one in task.asked]
        client = self.client
        several = {"track": client.tracks, "artist": client.artists, "album": client.albums}[task.object_type]
        single = {"track": client.track, "artist": client.artist, "album": client.album}[task.object_type]
        try:
            if task.is_batch:
                return self._call(task.group, lambda token: several(token, ids))
            return [self._call(task.group, lambda token: single(token, ids[0]))]
        except Gone:
            return [None]

    def _land(self, task: _Task, payloads: Sequence[dict[str, Any] | None]) -> None:
        objects = [
            SpotifyObject(one.object_type, one.spotify_id, payload)
            for one, payload in zip(task.asked, payloads, strict=True)
        ]
        on_album = {track_id for payload in payloads for track_id in _track_ids(payload)}
        told = [one for one in task.told if one.spotify_id in on_album]
        land_answers(self.conn, [*task.asked, *told], objects, self.now())
        self.claims.hold([*task.asked, *told], FRESH_FOR)
        self.claims.drop(one for one in task.told if one.spotify_id not in on_album)
        self.failures_in_a_row = 0
        self.enriched.gone += sum(payload is None for payload in payloads)
        for one, payload in zip(task.asked, payloads, strict=True):
            if payload is not None:
                self._count(one)
        for one in told:
            self._count(one)

    def _count(self, filled: Wanted) -> None:
        match filled.object_type:
            case "track":
                self.enriched.tracks += 1
            case "artist":
                self.enriched.artists += 1
            case "album":
                self.enriched.albums += 1

    def _fail(self, asked: Sequence[Wanted | Unresolved], error: SpotifyError) -> None:
        """Nobody asks for these again before a pause, which grows from failure to failure."""
        for one in asked:
            self.claims.hold([one], record_failure(self.conn, one, str(error), self.now()))
        self.enriched.failed += len(asked)
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= GIVE_UP_AFTER:
            raise _TooManyFailures(f"{GIVE_UP_AFTER} replies in a row were unusable, the last one: {error}")


# ── Plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _batches(choice: Sequence[Wanted]) -> list[_Task]:
    """Full calls of one type each, in the order of the first entity in them."""
    tasks: list[_Task] = []
    open_tasks: dict[str, list[Wanted]] = {}
    for one in choice:
        most = TRACKS_A_CALL if one.object_type == "track" else ARTISTS_A_CALL
        partition_load = open_tasks.get(one.object_type)
        if partition_load is None or len(partition_load) == most:
            partition_load = open_tasks[one.object_type] = []
            tasks.append(_Task(partition_load, is_batch=True))
        partition_load.append(one)
    return tasks


def _single_calls(choice: Sequence[Wanted]) -> list[_Task]:
    """One object a call: an album for its missing tracks, and where its id is unknown one of them, which tells it."""
    missing_on: dict[int, list[Wanted]] = {}
    for one in choice:
        if one.album_id is not None and one.on_album > 1:
            missing_on.setdefault(one.album_id, []).append(one)
    tasks: list[_Task] = []
    for one in choice:
        siblings = missing_on.get(one.album_id or 0, [one])
        if len(siblings) < 2:
            tasks.append(_Task([one]))
        elif one is siblings[0]:
            tasks.append(_Task([one]) if one.album is None else _Task([one.album], told=siblings))
    return tasks


def _track_ids(payload: dict[str, Any] | None) -> set[str]:
    """The tracks that an album's payload tells of."""
    page = (payload or {}).get("tracks")
    items = page.get("items") if isinstance(page, dict) else None
    return {item["id"] for item in items or () if isinstance(item, dict) and isinstance(item.get("id"), str)}


def _key(one: Wanted | Unresolved) -> str:
    if isinstance(one, Unresolved):
        return f"myi:enrich:search:{one.track_key}:{one.artist_key}"
    return f"myi:enrich:{one.object_type}:{one.spotify_id}"
