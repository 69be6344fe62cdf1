"""The OpenAPI document: valid, complete, and what the server keeps to when it is asked anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from myi_pipelines.serving.api.application import api_application
from myi_pipelines.serving.api.document import PATH, TAGS, document
from myi_pipelines_tests.integration.serving.api.conftest import Api

DOCUMENT = document(api_application())
EXAMPLES = 2
"""Of each route."""


def operations() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)


def test_every_field_is_described_with_an_example() -> None:
    missing = []
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, told in schema.get("properties", {}).items():
            is_part = "$ref" in str(told) and "anyOf" not in told
            if not is_part and not (told.get("description") and "examples" in told):
                missing.append(f"{name}.{field}")
    assert missing == []


def test_every_route_and_parameter_says_what_it_is() -> None:
    missing = []
    for name, operation in operations():
        if not operation.get("description") or operation["tags"][0] not in {tag["name"] for tag in TAGS}:
            missing.append(name)
        missing += [f"{name} {one['name']}" for one in operation.get("parameters", ()) if not one.get("description")]
    assert missing == []


def test_the_server_gives_the_document(api: Api) -> None:
    answer = api.server.ask("GET", f"{PATH}/openapi.json")
    assert answer.json == DOCUMENT
    assert api.server.ask("GET", f"{PATH}/openapi.json", {"If-None-Match": answer.headers["etag"]}).status == 304


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@SCHEMA.hook
def map_path_parameters(_: object, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Mostly about a listener that there is."""
    if parameters and "name" in parameters and hash(parameters["name"]) % 4:
        return {**parameters, "name": "user-1"}
    return parameters


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.filterwarnings("ignore")
def test_whatever_is_asked_is_answered_as_documented(api: Api, case: Case[Any]) -> None:
    case.call_and_validate(
        base_url=f"{api.server.url}{PATH}", headers={"X-Viewer": "operator"}, checks=CHECKS, timeout=20
    )


def no_mistake_of_ours(_: object, response: Any, case: Case[Any]) -> None:
    assert response.status_code < 500, (case.as_curl_command(), response.text)


CHECKS: list[CheckFunction] = [
    no_mistake_of_ours,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
