"""The OpenAPI document of the API, and the page that shows it without any script."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from myi_pipelines.serving.api.problems import KINDS
from myi_pipelines.serving.asgi.etags import etag_of, not_modified, with_etag
from myi_pipelines.serving.context import context_of
from myi_pipelines.serving.marked_text import marked

PATH = "/api/v1"
ABOUT = """Everything that MYI's pages show, for programs: the same questions, ranges, measures and filters, in JSON.

Times are in UTC (RFC 3339), days are local days of the listener, durations are in milliseconds, ids are numbers of this
warehouse. An answer holds `data`, and in `meta` whose it is, of which days, as of when, and what is being derived.

**Who may ask.** Send `Authorization: Bearer TOKEN`; a listener makes tokens, each with its rights, in the settings.
`stats:read` opens statistics and lists, `history:read` single plays. What is not shared is answered like what does not
exist: 404.

**Lists** come in pages of `limit` rows; `page.next`, and the header `Link`, lead on. `Accept: text/csv` or
`format=csv` gives CSV, in which no text is a formula.

**Asking again** costs next to nothing: send the `ETag` as `If-None-Match`, and 304 says that nothing has changed.

**Errors** are problems (RFC 9457): `detail` says in a sentence what is wrong."""
TAGS = [
    {"name": "listeners", "description": "Who asks, who there is, what they set, how fresh their numbers are."},
    {"name": "activity", "description": "How much was played, and when."},
    {"name": "tops", "description": "What was played most."},
    {"name": "history", "description": "Single plays, and the sessions that they make."},
    {"name": "items", "description": "One song, recording, artist, album, genre or show; search."},
    {"name": "findings", "description": "Discoveries, streaks, milestones, what the music is like, Spotify's lists."},
    {"name": "reviews", "description": "Years, months and weeks in review; two listeners side by side."},
    {"name": "management", "description": "Imports, gaps and corrections, for the listener and the operator."},
]


class Field(NamedTuple):
    """A field or a parameter, as the page shows it."""

    name: str
    kind: str
    text: str
    is_required: bool = False


class Operation(NamedTuple):
    """A route, as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Field]
    fields: list[Field]
    example: str


class Group(NamedTuple):
    """Routes of one subject."""

    name: str
    text: str
    operations: list[Operation]


def add_document(app: FastAPI) -> None:
    """Serve the document at ``/openapi.json`` and the page at ``/docs``."""

    @cache
    def text() -> bytes:
        return json.dumps(document(app), ensure_ascii=False, separators=(",", ":")).encode()

    @cache
    def groups() -> list[Group]:
        return list(_groups(document(app)))

    def openapi(request: Request) -> Response:
        etag = etag_of(hashlib.sha256(text()).hexdigest())
        return not_modified(request, etag) or with_etag(Response(text(), media_type="application/json"), etag)

    def docs(request: Request) -> Response:
        context = context_of(request)
        etag = etag_of(context.version, hashlib.sha256(text()).hexdigest())
        if unchanged := not_modified(request, etag):
            return unchanged
        about = [marked(one) for one in ABOUT.split("\n\n")]
        page = context.page("api.html", title="API", about=about, groups=groups(), problems=KINDS)
        return with_etag(page, etag)

    app.add_route("/openapi.json", openapi)
    app.add_route("/docs", docs)
    app.add_route("/", docs)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application."""
    made = get_openapi(
        title="MYI",
        version=app.version,
        openapi_version="3.1.0",
        description=ABOUT,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": PATH}],
    )
    components = made["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A listener's token, with its rights."},
        "session": {"type": "apiKey", "in": "cookie", "name": "myi", "description": "A browser that is signed in."},
    }
    made["security"] = [{"token": []}, {"session": []}, {}]
    for operation in _operations(made):
        operation["responses"].pop("422", None)
        for response in operation["responses"].values():
            content = response.get("content", {})
            if "application/problem+json" in content and "application/json" in content:
                content["application/problem+json"] = content.pop("application/json")
    for schema in components["schemas"].values():
        for one in schema.get("properties", {}).values():
            _lift(one)
    return made


def _operations(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in made["paths"].values() for operation in path.values()]


def _lift(field: dict[str, Any]) -> None:
    """What is said of a field that may be null stands beside the alternatives, not in one of them."""
    for one in field.get("anyOf", ()):
        for name in ("description", "examples"):
            if name in one and name not in field:
                field[name] = one.pop(name)


def _groups(made: Mapping[str, Any]) -> list[Group]:
    groups = []
    for tag in made["tags"]:
        operations = [
            _operation(made, method, path, operation)
            for path, methods in made["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation.get("tags", ())
        ]
        groups.append(Group(tag["name"], tag["description"], operations))
    return groups


def _operation(made: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    parameters = [
        Field(one["name"], _kind(made, one["schema"]), one.get("description", ""), one.get("required", False))
        for one in operation.get("parameters", ())
    ]
    data = _resolved(made, schema).get("properties", {}).get("data", {})
    example = json.dumps(_example(made, data), indent=2, ensure_ascii=False)
    summary, _, text = operation.get("description", "").partition("\n\n")
    return Operation(
        operation["operationId"], method.upper(), PATH + path, summary, text, parameters, _fields(made, data), example
    )


def _fields(made: Mapping[str, Any], schema: Mapping[str, Any], above: str = "") -> list[Field]:
    """The fields of a shape, those of its parts after it, by their paths."""
    found = []
    for name, field in _resolved(made, schema).get("properties", {}).items():
        path = f"{above}{name}"
        inner = _resolved(made, field)
        text = field.get("description") or inner.get("description", "")
        found.append(Field(path, _kind(made, field), text))
        if "properties" in inner and path.count(".") < 2:
            found += _fields(made, inner, f"{path}.")
    return found


def _resolved(made: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema behind references, what may be null and lists: what each row is."""
    while True:
        if "$ref" in schema:
            schema = made["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next((one for one in schema["anyOf"] if one.get("type") != "null"), {})
        elif schema.get("type") == "array":
            schema = schema["items"]
        else:
            return schema


def _kind(made: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_kind(made, one) for one in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        target = _resolved(made, schema)
        return " · ".join(map(str, target["enum"])) if "enum" in target else "object"
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(made, schema['items'])}"
    return str(schema.get("format") or schema.get("type", "any"))


def _example(made: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    if "anyOf" in schema:
        return _example(made, schema["anyOf"][0])
    if "$ref" in schema:
        return _example(made, _resolved(made, schema))
    if schema.get("type") == "array":
        return [_example(made, schema["items"])]
    if "enum" in schema:
        return schema["enum"][0]
    return {name: _example(made, one) for name, one in schema.get("properties", {}).items()} or None
