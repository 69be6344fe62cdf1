"""How routes are declared: what each answers, also when something is wrong, for the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

from myi_pipelines.serving.api.problems import MEDIA_TYPE
from myi_pipelines.serving.api.shapes.answers import Answer, Listing, Plain, PlainListing, Problem
from myi_pipelines.serving.api.shapes.fields import Shape

F = TypeVar("F", bound=Callable[..., Any])
USER = "/users/{name}"
REFUSED = 403
"""The guard before everything says so, in a line of text."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route can answer with, for the document."""
    meanings = {
        400: "A parameter, the range or the cursor is not what was expected.",
        401: "A token is not valid, or somebody has to sign in.",
        403: "A browser's page of another site asks, or the body is not JSON.",
        404: "There is no such thing, or it is not shared with who asks.",
        503: "The database does not answer at the moment.",
    }
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": meanings[status], "content": {MEDIA_TYPE: {}}}
        for status in statuses
        if status != REFUSED
    }
    if REFUSED in statuses:
        answers[REFUSED] = {
            "description": meanings[REFUSED],
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    return answers


UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The answer of `If-None-Match` has not changed."}}


def one(router: APIRouter, path: str, shape: type[Shape]) -> Callable[[F], F]:
    """Declare a route that answers with one shape."""
    return router.get(
        path,
        response_model=Answer[shape],  # type: ignore[valid-type]
        responses=UNCHANGED | problems(400, 401, 404, 503),
    )


def many(router: APIRouter, path: str, shape: type[Shape], *, as_uris: bool = False) -> Callable[[F], F]:
    """Declare a route that answers with pages of a list, as JSON or CSV; ``as_uris``: of tracks, also as addresses."""
    others = {"text/csv": {"schema": {"type": "string", "description": "The rows, with a header."}}}
    if as_uris:
        others["text/uri-list"] = {"schema": {"type": "string", "description": "Spotify's track URIs, a line each."}}
    listed: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "A page of the list.",
            "content": others,
            "headers": {
                "Link": {
                    "description": "The next page and the first one (RFC 8288).",
                    "schema": {"type": "string"},
                }
            },
        }
    }
    return router.get(
        path,
        response_model=Listing[shape],  # type: ignore[valid-type]
        responses=listed | UNCHANGED | problems(400, 401, 404, 503),
    )


def plain_one(router: APIRouter, path: str, shape: type[Shape]) -> Callable[[F], F]:
    """Declare a route that answers with one shape about no listener's numbers."""
    return router.get(path, response_model=Plain[shape], responses=problems(400, 401, 404, 503))  # type: ignore[valid-type]


def plain_many(router: APIRouter, path: str, shape: type[Shape]) -> Callable[[F], F]:
    """Declare a route that answers with a list about no listener's numbers."""
    return router.get(path, response_model=PlainListing[shape], responses=problems(400, 401, 404, 503))  # type: ignore[valid-type]
