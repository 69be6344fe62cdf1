"""Who may ask which route: every route × viewer × privacy flag. What is not shared is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from myi_pipelines.serving.access.permissions import PRIVATE, Part, Sharing, parts_of
from myi_pipelines.serving.access.viewers import (
    OPERATOR,
    STRANGER,
    Right,
    listener_viewer,
    token_viewer,
)
from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.api.document import document
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.integration.serving.api.conftest import Api
from myi_pipelines_tests.integration.serving.api.test_writing import WRITES

USER_ID = 1
OF_NOBODY = {"/me", "/users", "/time-zones"}
"""Routes that are about no listener."""
NEEDS = {
    "": Part.PROFILE,
    "/freshness": Part.PROFILE,
    "/settings": Part.MANAGE,
    "/totals": Part.LISTENING_TIME,
    "/totals/distinct": Part.LISTENING_TIME,
    "/totals/not-music": Part.LISTENING_TIME,
    "/activity": Part.LISTENING_TIME,
    "/clock": Part.STATS,
    "/ways-of-listening": Part.STATS,
    "/tops/songs": Part.TOP_TRACKS,
    "/tops/artists": Part.TOP_ARTISTS,
    "/tops/albums": Part.TOP_TRACKS,
    "/tops/genres": Part.TOP_ARTISTS,
    "/tops/shows": Part.STATS,
    "/history": Part.HISTORY,
    "/history/not-music": Part.HISTORY,
    "/sessions": Part.STATS,
    "/items/{kind}/{id}": Part.STATS,
    "/items/{kind}/{id}/best-day": Part.STATS,
    "/items/{kind}/{id}/clock": Part.STATS,
    "/items/{kind}/{id}/years": Part.STATS,
    "/items/{kind}/{id}/neighbours": Part.STATS,
    "/items/{kind}/{id}/recordings": Part.STATS,
    "/items/artists/{id}/albums": Part.STATS,
    "/genre": Part.STATS,
    "/shows/{key}": Part.STATS,
    "/search": Part.STATS,
    "/search/shows": Part.STATS,
    "/discoveries": Part.STATS,
    "/discoveries/{kind}": Part.STATS,
    "/forgotten": Part.STATS,
    "/obsessions": Part.STATS,
    "/one-hit-wonders": Part.STATS,
    "/streaks": Part.LISTENING_TIME,
    "/milestones": Part.STATS,
    "/number-ones": Part.STATS,
    "/on-this-day": Part.HISTORY,
    "/releases": Part.STATS,
    "/diversity": Part.STATS,
    "/share-heard": Part.STATS,
    "/spotify/top/{kind}": Part.TOP_ARTISTS,
    "/spotify/top/{kind}/days": Part.TOP_ARTISTS,
    "/reviews": Part.STATS,
    "/review": Part.STATS,
    "/compare": Part.COMPARISON,
    "/imports": Part.IMPORT,
    "/gaps": Part.IMPORT,
    "/corrections": Part.CORRECT,
    "/tokens": Part.MANAGE,
}
VIEWERS = {
    "operator": OPERATOR,
    f"listener {USER_ID}": listener_viewer(USER_ID),
    "listener 2": listener_viewer(2),
    "stranger": STRANGER,
    **{f"token {USER_ID} {right}": token_viewer(USER_ID, right) for right in Right},
    "token 2 stats:read": token_viewer(2, Right.READ_STATS),
}
FLAGS = [name for name in Sharing._fields if name not in ("is_public_profile", "allows_comparison")]
SHARED = [
    PRIVATE,
    *(Sharing(**{name: True}) for name in FLAGS),
    Sharing(is_public_profile=True),
    *(Sharing(is_public_profile=True, **{name: True}) for name in FLAGS),
    Sharing(is_public_profile=True, **dict.fromkeys(FLAGS, True)),
]
WITHOUT_RIGHTS = ("stranger", "listener 2")
"""Viewers for whom each flag matters; the others are asked about with all and with none."""


@contextmanager
def sharing(api: Api, shared: Sharing) -> Iterator[None]:
    statement = "UPDATE user_settings SET " + ", ".join(f"{name} = %({name})s" for name in Sharing._fields)
    with connect(api.url) as conn:
        conn.execute(f"{statement} WHERE user_id = {USER_ID}", shared._asdict())
        try:
            yield
        finally:
            conn.execute(f"{statement} WHERE user_id = {USER_ID}", PRIVATE._asdict())


def test_every_route_is_in_the_matrix() -> None:
    every = document(api_application())["paths"]
    paths = {path.replace("/users/{name}", "{u}", 1) for path, methods in every.items() if "get" in methods}
    assert paths - OF_NOBODY == {f"{{u}}{path}" for path in NEEDS}
    writes = {(method.upper(), path) for path, methods in every.items() for method in methods if method != "get"}
    known = {(method, re.sub(r"[?].*", "", re.sub(r"/[0-9]+", "/{id}", path))) for method, path, *_ in WRITES}
    assert {(method, path.replace("/users/{name}", "")) for method, path in writes} == known | {("PATCH", "/settings")}


@pytest.mark.parametrize("shared", SHARED, ids=lambda shared: "+".join(name for name in FLAGS if getattr(shared, name)))
def test_a_route_is_there_for_those_who_may_see_its_part(api: Api, shared: Sharing) -> None:
    wrong = []
    with sharing(api, shared):
        for viewer, known in VIEWERS.items():
            if shared not in (SHARED[0], SHARED[-1]) and viewer not in WITHOUT_RIGHTS:
                continue
            parts = parts_of(known, USER_ID, shared)
            for path, part in NEEDS.items():
                status = _status(api, path, viewer)
                if status != (304 if part in parts else 404):
                    wrong.append((path, viewer, status))
    assert wrong == []


def test_a_filter_needs_the_right_to_statistics(api: Api) -> None:
    with sharing(api, Sharing(is_public_profile=True, share_listening_time=True, share_top_tracks=True)):
        for path in ("/totals", "/activity", "/tops/songs", "/tops/albums"):
            assert _status(api, f"{path}?range=all", "stranger") == 304
            assert _status(api, f"{path}?range=all&artist=1", "stranger") == 404


def _status(api: Api, path: str, viewer: str) -> int:
    """Whoever knows any answer hears that it is the one, before the question is asked."""
    kind = "artists"
    named = path.replace("{kind}", kind).replace("{id}", "1").replace("{key}", "5b0a4a6c-0f53-4a5e-8a6e-2f1f5f0c6b3a")
    other = "?other=user-1" if path == "/compare" else ""
    return api.get(f"{{u}}{named}{other}", viewer, If_None_Match="*").status
