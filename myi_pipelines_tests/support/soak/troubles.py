"""What goes wrong in the soak: every kind of fault that the simulator offers, and what no fault can bring about. When,
and what must be true all the same, is the test's business."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, TypeAlias

from myi_pipelines.simulator.faults import TOKEN_KINDS, Kind
from myi_pipelines_tests.support.soak.stage import Stage

Trouble: TypeAlias = Callable[[Stage], None]

ELSEWHERE = ("/v1/me/top", "/v1/artists", "/v1/tracks", "/v1/albums", "/v1/")
SHORT, LONG = 60, 3 * 3600

#: What a kind takes, at the first time and at the second one.
DETAILS: dict[Kind, tuple[dict[str, Any], dict[str, Any]]] = {
    Kind.RATE_LIMITED: ({}, {"retry_after": SHORT}),
    Kind.RATE_LIMITED_TEXT: ({"retry_after": SHORT}, {}),
    Kind.QUOTA_EXCEEDED: ({"retry_after": LONG}, {}),
    Kind.WINDOW: ({"calls": 1}, {"calls": 10}),
    Kind.QUOTA: ({"calls": 8, "retry_after": LONG}, {"calls": 20}),
    Kind.SERVER_ERROR: ({"status": 502}, {"status": 503, "retry_after": LONG}),
    Kind.HANG: ({"seconds": 6}, {"seconds": 0.3}),
    Kind.JSON_200: ({"body": {"items": "none"}}, {"body": "odd"}),
    Kind.ERROR_BODY: ({"body": "no"}, {"status": 400, "body": ["no"]}),
    Kind.GARBAGE_JSON: ({}, {"status": 500}),
    Kind.INVALID_GRANT: ({"description": "expired"}, {"description": "something else"}),
}
TIMES = {Kind.HANG: 1, Kind.UNAUTHORIZED: 7, Kind.OUT_OF_ORDER: 12, Kind.OMIT_ACCOUNT_ID: 1, Kind.INVALID_GRANT: 1}


def troubles(chance: Random, *, in_full: bool) -> list[Trouble]:
    """In an order that chance decides: every kind of fault where polls meet it and, in full, most of them where other
    calls do."""
    first: list[Trouble] = [partial(break_calls, kind, DETAILS.get(kind, ({}, {}))[0], None) for kind in Kind]
    again: list[Trouble] = [
        partial(break_calls, kind, DETAILS.get(kind, ({}, {}))[1], chance.choice(ELSEWHERE))
        for kind in Kind
        if kind not in {*TOKEN_KINDS, Kind.OMIT_ACCOUNT_ID, Kind.OUT_OF_ORDER}
    ]
    others: list[Trouble] = [
        play_late, play_late, add_plays, add_plays, revoke, refuse_tokens, relink, relink, take_down, outage,
    ]  # fmt: skip
    chosen = [*first, *(again if in_full else []), *others]
    chance.shuffle(chosen)
    return chosen


def break_calls(kind: Kind, details: dict[str, Any], path_prefix: str | None, stage: Stage) -> None:
    """A fault that wears off by itself, but for the limits: those go when the next trouble comes."""
    control = stage.control
    times = TIMES.get(kind, stage.chance.randint(1, 5))
    number = control.fault(kind, path_prefix=path_prefix, times=times, **details)
    if kind in (Kind.WINDOW, Kind.QUOTA):
        stage.limits.append(number)
    if kind in TOKEN_KINDS:
        control.expire_access_tokens()
    if kind is Kind.OMIT_ACCOUNT_ID:
        revoke(stage)


def play_late(stage: Stage) -> None:
    """A fifth of all plays is told half an hour late."""
    stage.control.delay_plays(0.2, timedelta(minutes=35))


def add_plays(stage: Stage) -> None:
    """An offline play that shows an hour after its end, and a local file."""
    name = stage.chance.choice(sorted(stage.user_ids))
    track = stage.chance.choice(stage.control.catalog().tracks)
    played_at = stage.now - timedelta(minutes=20, milliseconds=stage.chance.randrange(60_000))
    stage.control.add_play(name, track.id, played_at, stage.now + timedelta(minutes=40))
    stage.control.add_play(name, None, stage.now - timedelta(minutes=1))


def revoke(stage: Stage) -> None:
    """A listener takes the authorization back."""
    stage.control.revoke(stage.chance.choice(sorted(stage.user_ids)))


def refuse_tokens(stage: Stage) -> None:
    stage.control.expire_access_tokens()


def relink(stage: Stage) -> None:
    """Several tracks are told under other ids from now on."""
    tracks = stage.chance.sample(stage.control.catalog().tracks, 60)
    for asked, returned in zip(tracks[::2], tracks[1::2], strict=True):
        stage.control.relink(asked.id, returned.id)


def take_down(stage: Stage) -> None:
    """Some tracks and artists are gone."""
    catalog = stage.control.catalog()
    tracks = [track.id for track in stage.chance.sample(catalog.tracks, 40)]
    artists = [artist.id for artist in stage.chance.sample(catalog.artists, 5)]
    for gone in tracks + artists:
        stage.control.make_gone(gone, stage.chance.choice((400, 404)))


def outage(stage: Stage) -> None:
    """Nobody answers at all, until the next trouble."""
    stage.simulator.stop()
    stage.is_up = False


def end_trouble(stage: Stage) -> None:
    """What does not wear off by itself."""
    if not stage.is_up:
        stage.simulator.start()
        stage.is_up = True
    stage.control.stop_delays()
    while stage.limits:
        stage.control.clear_faults(stage.limits.pop())
