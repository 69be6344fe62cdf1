"""MusicBrainz' API as far as MYI asks it: `/ws/2/isrc`, `/ws/2/recording?query=`, `/ws/2/recording?artist=`,
`/ws/2/artist` and `/ws/2/release-group?artist=`. `open_music` has what is known there."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from myi_pipelines.simulator.faults import json_response
from myi_pipelines.simulator.open_music import OpenArtist, OpenMusic, OpenRecording, build_open_music
from myi_pipelines.simulator.web_api import spotify_of

_QUERY = re.compile(r'recording:"((?:[^"\\]|\\.)*)" AND artist:"((?:[^"\\]|\\.)*)"')
_APPLICATION = re.compile(r"\S.* \( ?\S+ ?\)")
"""A User-Agent that names the application and a contact."""


def _error(status: int, message: str) -> Response:
    return json_response(
        {"error": message, "help": "For usage, please see: https://musicbrainz.org/development/mmd"}, status
    )


def _open_music(request: Request) -> OpenMusic:
    return build_open_music(spotify_of(request).world)


def _refusal(request: Request) -> Response | None:
    if not _APPLICATION.fullmatch(request.headers.get("user-agent", "")):
        return _error(403, "Your User-Agent names no application and no contact")
    return None if request.query_params.get("fmt") == "json" else _error(406, "This simulator speaks JSON only")


async def isrc(request: Request) -> Response:
    if refusal := _refusal(request):
        return refusal
    asked = request.path_params["isrc"]
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", asked):
        return _error(400, "Invalid isrc.")
    found = _open_music(request).of_isrc(asked)
    if not found:
        return _error(404, "Not Found")
    return json_response({"isrc": asked, "recordings": [_recording(one) for one in found]})


async def recordings(request: Request) -> Response:
    if refusal := _refusal(request):
        return refusal
    if "artist" in request.query_params:
        return _recordings_of(request)
    asked = _QUERY.fullmatch(request.query_params.get("query", ""))
    if asked is None:
        return _error(400, "Could not parse query")
    title, artist = (re.sub(r"\\(.)", r"\1", text) for text in asked.groups())
    found = _open_music(request).find(title, artist)
    listed = [
        {**_recording(one), "score": 100, "releases": [{"title": title} for title in one.releases]}
        for one in found[: int(request.query_params.get("limit", "25"))]
    ]
    return json_response({"count": len(found), "offset": 0, "recordings": listed})


async def artist(request: Request) -> Response:
    if refusal := _refusal(request):
        return refusal
    found = _open_music(request).artists.get(request.path_params["mbid"])
    if found is None:
        return _error(404, "Not Found")
    genres = [{"name": name, "count": votes, "disambiguation": ""} for name, votes in sorted(found.genres.items())]
    return json_response({**_reference(found), "genres": genres})


async def release_groups(request: Request) -> Response:
    if refusal := _refusal(request):
        return refusal
    asked = request.query_params
    albums = _open_music(request).albums.get(asked.get("artist", ""), [])
    limit, offset = int(asked.get("limit", "25")), int(asked.get("offset", "0"))
    groups = [
        {"title": one.title, "first-release-date": one.first_release, "primary-type": "Album", "secondary-types": []}
        for one in albums[offset : offset + limit]
    ]
    count = {"release-group-count": len(albums), "release-group-offset": offset}
    return json_response({**count, "release-groups": groups})


def _recordings_of(request: Request) -> Response:
    asked = request.query_params
    found = _open_music(request).recordings_of(asked["artist"])
    limit, offset = int(asked.get("limit", "25")), int(asked.get("offset", "0"))
    listed = [_recording(one) for one in found[offset : offset + limit]]
    for one in listed:
        del one["artist-credit"]
    return json_response({"recording-count": len(found), "recording-offset": offset, "recordings": listed})


def _recording(recording: OpenRecording) -> dict[str, Any]:
    last = len(recording.artists) - 1
    return {
        "id": recording.mbid,
        "title": recording.title,
        "length": recording.length_ms,
        "disambiguation": "",
        "video": False,
        "first-release-date": recording.first_release,
        "artist-credit": [
            {"name": one.name, "joinphrase": " feat. " if place < last else "", "artist": _reference(one)}
            for place, one in enumerate(recording.artists)
        ],
    }


def _reference(artist: OpenArtist) -> dict[str, Any]:
    return {"id": artist.mbid, "name": artist.name, "sort-name": artist.name, "disambiguation": ""}


ROUTES = [
    Route("/ws/2/isrc/{isrc}", isrc),
    Route("/ws/2/recording", recordings),
    Route("/ws/2/artist/{mbid}", artist),
    Route("/ws/2/release-group", release_groups),
]
