"""Fetch the catalog's missing metadata from Spotify's API: the most played first, in as few calls as the app's mode
allows, with any number of workers. The warehouse knows what is missing and what a payload means."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import redis

from myi_pipelines.ingest.spotify.access_tokens import SpotifyAccess
from myi_pipelines.sources.spotify.api_errors import (
    EndpointsForbidden,
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
from myi_pipelines.sources.spotify.client import ALBUM_PAGE, ARTISTS_A_CALL, TRACKS_A_CALL
from myi_pipelines.sources.spotify.rate_limits import EndpointGroup, Gate, Priority
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.metadata_backlog import (
    MetadataRun,
    Unresolved,
    Wanted,
    answered_before,
    land_answers,
    land_found,
    record_failure,
    record_not_found,
    record_run,
    unresolved,
    wanted,
)
from myi_pipelines.warehouse.spotify_accounts import linked_users
from myi_pipelines.warehouse.spotify_payloads import ObjectType, SpotifyObject

FRESH_FOR = timedelta(hours=24)
"""How long no other worker fetches an entity that one worker has fetched."""

LEASE = timedelta(minutes=10)
"""How long a claim lasts while its worker fetches the entity. A killed worker blocks the entity no longer than this."""

NO_BATCHES_FOR = timedelta(days=7)
"""When to try again whether the app may fetch several objects in one call."""

ROUND = 20
"""The number of calls after which the catalog takes in their payloads. Then albums have ids, and one call for an album
may return many tracks."""

LOOK_AHEAD = 1_000
"""The number of entities to choose from."""

GIVE_UP_AFTER = 5
"""How many different entities fail in a row until it is Spotify's failure, which ends the run, and not theirs."""

NOT_FOUND_IN_A_ROW = 5
"""After how many unknown entities in a row one that Spotify knew before is requested, to tell them from an outage."""

FORBIDDEN_AFTER = 3
"""How many different entities of a group are forbidden in a row until the group is, and not they."""

ENDPOINT_GROUPS = {"track": EndpointGroup.TRACKS, "album": EndpointGroup.ALBUMS, "artist": EndpointGroup.ARTISTS}

T = TypeVar("T")

_BATCHES = "myi:enrich:no-batches"

_RUN_ENDING = (RateLimited, LoginNeeded, Unauthenticated, InvalidClient)
"""Errors that no entity can cause. They end the run, and the claim is released for the next worker."""


@dataclass
class Enriched:
    """What one run did."""

    calls: Counter[EndpointGroup] = field(default_factory=Counter)
    tracks: int = 0
    artists: int = 0
    albums: int = 0
    gone: int = 0
    """Objects that Spotify did not know for the third time, days apart."""
    resolved: int = 0
    """Tracks of account data whose ids a search found."""
    failed: int = 0
    stopped: str | None = None
    """Why the run ended early. None when it fetched everything that it could."""
    retry_at: datetime | None = None
    is_broken: bool = False
    """Whether it was ended by refusals or failures in a row, not by a limit of calls."""

    @property
    def total_calls(self) -> int:
        return self.calls.total()


def enrich(
    conn: Connection,
    access: SpotifyAccess,
    redis_url: str,
    *,
    limit: int,
    group_limit: int | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Enriched:
    """Fetch missing metadata with at most ``limit`` calls, and bring the catalog up to date.

    ``group_limit`` is the most calls to one endpoint group, with which scheduled runs spread the quota over the day.

    Commits after each call, so it may be killed at any time. When calls may not be made now, it ends without an error,
    and the result has the reason. Changed user-months are invalidated; events and statistics are derived elsewhere.
    """
    enriched = Enriched()
    with redis.Redis.from_url(redis_url) as client_of_redis:
        worker = _Worker(conn, access, _Claims(client_of_redis), now, limit, group_limit, enriched)
        try:
            try:
                worker.work()
            finally:
                worker.record_all_missing()
        except (RateLimited, Unavailable) as error:
            enriched.stopped, enriched.retry_at = str(error), error.retry_at
            enriched.is_broken = isinstance(error, EndpointsForbidden)
        except (LoginNeeded, Unauthenticated, InvalidClient, _TooManyFailures) as error:
            enriched.stopped, enriched.is_broken = str(error), True
        except redis.RedisError:
            enriched.stopped, enriched.is_broken = "Redis does not answer", True
    sync_catalog(conn)
    record_run(conn, _summary(enriched, now()))
    return enriched


def _summary(enriched: Enriched, now: datetime) -> MetadataRun:
    fetched = enriched.tracks + enriched.artists + enriched.albums + enriched.resolved
    return MetadataRun(
        now, enriched.total_calls, fetched, enriched.failed, enriched.stopped, is_broken=enriched.is_broken
    )


def reason_to_skip(conn: Connection, gate: Gate, now: datetime) -> str | None:
    """Why a run would fetch nothing. None when something can be fetched."""
    if not linked_users(conn):
        return "no Spotify account is linked; run `myi login`"
    groups = list(ENDPOINT_GROUPS.values()) if wanted(conn, now, 1) else []
    if unresolved(conn, now, 1):
        groups.append(EndpointGroup.SEARCH)
    if not groups:
        return "no metadata is missing or due"
    refusals = [gate.refusal(group, Priority.ENRICH) for group in groups]
    return str(refusals[0]) if all(refusals) else None


class _TooManyFailures(Exception):
    """Several different entities failed in a row."""


class _Claims:
    """Which worker fetches which entity: one key in Redis for each entity that a worker fetches or fetched recently."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._me = uuid4().hex

    def take(self, one: Wanted | Unresolved) -> bool:
        """Claim an entity. Returns whether this worker may fetch it."""
        return bool(self._store.set(_key(one), self._me, nx=True, ex=LEASE))

    def hold(self, ones: Iterable[Wanted | Unresolved], time: timedelta) -> None:
        """Keep the claims of this worker for ``time`` from now."""
        for one in ones:
            self._store.set(_key(one), self._me, ex=time)

    def drop(self, ones: Iterable[Wanted | Unresolved]) -> None:
        """Release claims of this worker, so that other workers may fetch the entities."""
        for one in ones:
            self._store.delete(_key(one))

    def may_batch(self) -> bool:
        return not self._store.exists(_BATCHES)

    def remember_no_batches(self) -> None:
        self._store.set(_BATCHES, 1, ex=NO_BATCHES_FOR)


class _Task(NamedTuple):
    """One call: for one object, whose reply may include others, or for several objects of a type."""

    requested: Sequence[Wanted]
    included: Sequence[Wanted] = ()
    """Tracks that the reply for an album should include."""
    is_batch: bool = False

    @property
    def object_type(self) -> ObjectType:
        return self.requested[0].object_type

    @property
    def group(self) -> EndpointGroup:
        return ENDPOINT_GROUPS[self.object_type]


@dataclass
class _Worker:
    conn: Connection
    access: SpotifyAccess
    claims: _Claims
    now: Callable[[], datetime]
    limit: int
    group_limit: int | None
    enriched: Enriched
    consecutive_failures: int = 0
    consecutive_refusals: Counter[EndpointGroup] = field(default_factory=Counter)
    """By group, the entities that were forbidden since the last reply."""
    missing: dict[EndpointGroup, list[Wanted]] = field(default_factory=lambda: defaultdict(list))
    """By group, entities in a row that Spotify does not know: gone, or an outage. Not recorded yet."""
    closed: dict[EndpointGroup, RateLimited] = field(default_factory=dict)
    """Groups that may not be called in this run, and why. The other groups may still be called."""

    def work(self) -> None:
        """Make rounds of calls until nothing is left to do. The catalog is brought up to date before each round."""
        while True:
            sync_catalog(self.conn)
            artists_last = not self.claims.may_batch()
            choice = wanted(self.conn, self.now(), LOOK_AHEAD, artists_last=artists_last)
            before = self.enriched.total_calls
            for task in self._plan(choice):
                if self.enriched.total_calls - before >= ROUND:
                    break
                if self._is_spent():
                    return
                claimed = self._claimed(task)
                if claimed is not None and not self._execute(claimed):
                    break
            if self.enriched.total_calls == before and not self._search():
                break
        if self.closed:
            raise min(self.closed.values(), key=lambda error: (isinstance(error, QuotaExceeded), error.retry_at))

    def _is_open(self, group: EndpointGroup) -> bool:
        """Whether this run may go on to call a group of endpoints."""
        if self.group_limit is not None and self.enriched.calls[group] >= self.group_limit:
            self.enriched.stopped = f"{self.group_limit} calls to {group} were made, the share of a run"
            return False
        return group not in self.closed

    def _is_spent(self) -> bool:
        """Whether the limit of calls is reached."""
        if self.enriched.total_calls < self.limit:
            return False
        self.enriched.stopped = f"{self.limit} calls were made"
        return True

    def _search(self) -> bool:
        """Search for names of account data, for one round. Returns whether any call was made."""
        before = self.enriched.total_calls
        for one in unresolved(self.conn, self.now(), LOOK_AHEAD):
            is_over = self.enriched.total_calls - before >= ROUND
            if is_over or not self._is_open(EndpointGroup.SEARCH) or self._is_spent():
                break
            if not self.claims.take(one):
                continue
            try:
                found = self._find(one)
            except SpotifyError as error:
                self._fail(EndpointGroup.SEARCH, [one], error)
                continue
            self.enriched.resolved += land_found(self.conn, one, found, self.now())
            self.claims.hold([one], FRESH_FOR)
            self._succeeded(EndpointGroup.SEARCH)
        return self.enriched.total_calls > before

    def _find(self, one: Unresolved) -> list[dict[str, Any]]:
        client = self.access.client
        return self._call(EndpointGroup.SEARCH, lambda token: client.search_track(token, one.name, one.artist))

    def _call(self, group: EndpointGroup, request: Callable[[str], T]) -> T:
        """Make one call and count it. Raises the refusal, and counts nothing, when it may not be made."""
        if refusal := self.access.client.gate.refusal(group, Priority.ENRICH):
            raise refusal
        self.enriched.calls[group] += 1
        return self.access.tokens.call_any(request)

    def _plan(self, choice: Sequence[Wanted]) -> Iterator[_Task]:
        """The calls to make, in this order, without those of groups that may not be called any more."""
        if self.claims.may_batch():
            tasks = _batches(choice)
        elif EndpointGroup.ALBUMS in self.closed:
            tasks = [_Task([one]) for one in choice]
        else:
            tasks = _single_calls(choice)
        return (task for task in tasks if self._is_open(task.group))

    def _claimed(self, task: _Task) -> _Task | None:
        """The part of a task that this worker could claim. None when it could claim none of the requested entities."""
        requested = [one for one in task.requested if self.claims.take(one)]
        if not requested:
            return None
        return task._replace(requested=requested, included=[one for one in task.included if self.claims.take(one)])

    def _execute(self, task: _Task) -> bool:
        """Make the call and land its payloads. Returns False when a new plan is needed."""
        try:
            payloads = self._fetch(task)
        except SpotifyError as error:
            self.claims.drop(task.included)
            if isinstance(error, Forbidden) and error.kind is ForbiddenKind.BATCH_NOT_ALLOWED:
                self.claims.drop(task.requested)
                self.claims.remember_no_batches()
                return False
            self._fail(task.group, task.requested, error)
            return True
        except BaseException:
            self.claims.drop([*task.requested, *task.included])
            raise
        lost_page = self._read_further_pages(task, payloads[0]) if task.included and payloads[0] else None
        self._land(task, payloads)
        if lost_page is not None:
            self._fail(task.group, [], lost_page)
        return True

    def _read_further_pages(self, task: _Task, album: dict[str, Any]) -> SpotifyError | None:
        """Add pages of an album's tracks to its payload while several of the included ones are on none of those before.

        Returns the error of a page that did not come. The pages before it are kept.
        """
        items = _items(album)
        is_last = len(items) < ALBUM_PAGE
        while not is_last and len({one.spotify_id for one in task.included} - _track_ids(album)) > 1:
            if not self._is_open(task.group) or self._is_spent():
                break
            try:
                page = self._album_page(task.requested[0].spotify_id, len(items))
            except SpotifyError as error:
                return error
            items += page
            is_last = len(page) < ALBUM_PAGE
        return None

    def _album_page(self, spotify_id: str, offset: int) -> list[dict[str, Any]]:
        client = self.access.client
        return self._call(EndpointGroup.ALBUMS, lambda token: client.album_tracks(token, spotify_id, offset))

    def _fetch(self, task: _Task) -> list[dict[str, Any] | None]:
        """One payload for each requested object. None for objects that Spotify does not know."""
        ids = [one.spotify_id for one in task.requested]
        client = self.access.client
        several = {"track": client.tracks, "artist": client.artists, "album": client.albums}[task.object_type]
        single = self._single_request(task.object_type)
        try:
            if task.is_batch:
                return self._call(task.group, lambda token: several(token, ids))
            return [self._call(task.group, lambda token: single(token, ids[0]))]
        except Gone:
            return [None]

    def _single_request(self, object_type: ObjectType) -> Callable[[str, str], dict[str, Any]]:
        client = self.access.client
        return {"track": client.track, "artist": client.artist, "album": client.album}[object_type]

    def _land(self, task: _Task, payloads: Sequence[dict[str, Any] | None]) -> None:
        replies = list(zip(task.requested, payloads, strict=True))
        answered = [(one, payload) for one, payload in replies if payload is not None]
        on_album = {track_id for _, payload in answered for track_id in _track_ids(payload)}
        included = [one for one in task.included if one.spotify_id in on_album]
        self.claims.drop(one for one in task.included if one.spotify_id not in on_album)
        self.missing[task.group] += [one for one, payload in replies if payload is None]
        if not answered:
            self._check_for_outage(task)
            return
        fetched = [*(one for one, _ in answered), *included]
        objects = [SpotifyObject(one.object_type, one.spotify_id, payload) for one, payload in answered]
        land_answers(self.conn, fetched, objects, self.now())
        self.claims.hold(fetched, FRESH_FOR)
        self._succeeded(task.group)
        for one, _ in answered:
            self._count(one)
        for one in included:
            self._count(one)

    def _check_for_outage(self, task: _Task) -> None:
        """After several unknown entities in a row, see whether Spotify still knows one that it answered before.

        Raises _TooManyFailures if it does not: then they are not gone, and are requested again after a pause.
        """
        if len(self.missing[task.group]) < NOT_FOUND_IN_A_ROW:
            return
        known = answered_before(self.conn, task.requested[0].object_type)
        if known is not None and self._is_known(task, known):
            self._succeeded(task.group)
            return
        failed = self.missing.pop(task.group)
        reason = f"Spotify knows none of {len(failed)} objects in a row"
        for one in failed:
            self.claims.hold([one], record_failure(self.conn, one, reason, self.now()))
        self.enriched.failed += len(failed)
        raise _TooManyFailures(reason)

    def _is_known(self, task: _Task, spotify_id: str) -> bool:
        request = self._single_request(task.object_type)
        try:
            self._call(task.group, lambda token: request(token, spotify_id))
        except Gone:
            return False
        except _RUN_ENDING:
            raise
        except SpotifyError:
            return False
        return True

    def record_all_missing(self) -> None:
        """Record the entities that Spotify does not know, of all groups."""
        for group in list(self.missing):
            self._record_missing(group)

    def _record_missing(self, group: EndpointGroup) -> None:
        """Record the entities of a group that Spotify does not know. After several times they are gone."""
        missing = self.missing.pop(group, [])
        for one in missing:
            self.enriched.gone += record_not_found(self.conn, one, self.now())
        self.claims.hold(missing, FRESH_FOR)

    def _count(self, filled: Wanted) -> None:
        match filled.object_type:
            case "track":
                self.enriched.tracks += 1
            case "artist":
                self.enriched.artists += 1
            case "album":
                self.enriched.albums += 1

    def _succeeded(self, group: EndpointGroup) -> None:
        """Spotify answered, so the failures before were those of their entities."""
        self.consecutive_failures = 0
        self.consecutive_refusals[group] = 0
        self._record_missing(group)

    def _fail(self, group: EndpointGroup, requested: Sequence[Wanted | Unresolved], error: SpotifyError) -> None:
        """Decide whose failure it is: Spotify's, which ends the run, the group's, which closes it, or the entities'.

        No worker requests entities that failed before a pause, which grows with each failure. Several different ones in
        a row end the run, or close the group where they are forbidden.
        """
        if isinstance(error, QuotaExceeded):
            self.claims.drop(requested)
            self.closed[group] = error
            return
        if isinstance(error, _RUN_ENDING) or (isinstance(error, Unavailable) and error.retry_at is not None):
            self.claims.drop(requested)
            raise error
        for one in requested:
            self.claims.hold([one], record_failure(self.conn, one, str(error), self.now()))
        self.enriched.failed += len(requested)
        if isinstance(error, Forbidden):
            self.consecutive_refusals[group] += 1
            if self.consecutive_refusals[group] >= FORBIDDEN_AFTER:
                self.closed[group] = self.access.client.gate.forbidden(group, str(error))
            return
        self.consecutive_failures += 1
        if self.consecutive_failures >= GIVE_UP_AFTER:
            raise _TooManyFailures(f"{GIVE_UP_AFTER} calls in a row failed, the last one: {error}")


# ── Plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _batches(choice: Sequence[Wanted]) -> list[_Task]:
    """Full calls of one type each, in the order of the first entity in them. What failed before is requested alone."""
    tasks: list[_Task] = []
    open_batches: dict[str, list[Wanted]] = {}
    for one in choice:
        if one.has_failed:
            tasks.append(_Task([one]))
            continue
        most = TRACKS_A_CALL if one.object_type == "track" else ARTISTS_A_CALL
        batch = open_batches.get(one.object_type)
        if batch is None or len(batch) == most:
            batch = open_batches[one.object_type] = []
            tasks.append(_Task(batch, is_batch=True))
        batch.append(one)
    return tasks


def _single_calls(choice: Sequence[Wanted]) -> list[_Task]:
    """One object for each call: an album for its missing tracks, or one of the tracks if the album's id is unknown. The
    payload of that track has the id."""
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
            tasks.append(_Task([one]) if one.album is None else _Task([one.album], included=siblings))
    return tasks


def _track_ids(payload: dict[str, Any] | None) -> set[str]:
    """The ids of the tracks in an album's payload."""
    return {item["id"] for item in _items(payload) if isinstance(item, dict) and isinstance(item.get("id"), str)}


def _items(payload: dict[str, Any] | None) -> list[Any]:
    """The list of tracks in an album's payload; a list of its own if there is none."""
    page = (payload or {}).get("tracks")
    items = page.get("items") if isinstance(page, dict) else None
    return items if isinstance(items, list) else []


def _key(one: Wanted | Unresolved) -> str:
    if isinstance(one, Unresolved):
        return f"myi:enrich:search:{one.track_key}:{one.artist_key}"
    return f"myi:enrich:{one.object_type}:{one.spotify_id}"
