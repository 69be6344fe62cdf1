"""Dagster's runs as its webserver tells of them and takes them over GraphQL: asking takes no import of Dagster."""

import json
import urllib.request
from typing import Any, NamedTuple

from myi_pipelines.demo.launches import Launch
from myi_pipelines.errors import FailedError
from myi_pipelines.runtime.dagster_processes import LOCATION
from myi_pipelines.settings import Settings

SECONDS = 10
SECONDS_TO_LAUNCH = 60
UNFINISHED = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
USER_TAG = "myi/user"  # As in `jobs`, which would import Dagster.
REPOSITORY = "__repository__"

QUERY = """
query RunsSince($since: Float!) {
  runsOrError(filter: {createdAfter: $since}, limit: 100) {
    ... on Runs { results { runId jobName status tags { key value } } }
  }
}
"""
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


class LaunchFailed(FailedError):
    """Dagster did not take a run; the message says which, and why."""


class Run(NamedTuple):
    """One run of Dagster."""

    id: str
    job: str
    user: str | None
    """Whose files it imports."""
    status: str

    @property
    def is_unfinished(self) -> bool:
        return self.status in UNFINISHED


def runs_since(settings: Settings, since: float) -> tuple[Run, ...] | None:
    """The runs that were asked for after an instant, newest first; None while the webserver does not answer."""
    try:
        found = _ask(settings, QUERY, {"since": since}, SECONDS)["runsOrError"]["results"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return tuple(
        Run(
            one["runId"],
            one["jobName"],
            next((tag["value"] for tag in one["tags"] if tag["key"] == USER_TAG), None),
            one["status"],
        )
        for one in found
    )


def launch(settings: Settings, wanted: Launch) -> str:
    """Put a run into Dagster's queue; its id. Raises LaunchFailed."""
    params = {
        "selector": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": wanted.job},
        "runConfigData": wanted.config,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in wanted.tags.items()]},
    }
    try:
        answer = _ask(settings, LAUNCH, {"params": params}, SECONDS_TO_LAUNCH)["launchRun"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchFailed(f"Dagster's webserver did not take a run of {wanted.job}: {error!r}") from None
    if "run" not in answer:
        told = [error["message"] for error in answer.get("errors", ())] or [answer.get("message")]
        raise LaunchFailed(f"Dagster did not take a run of {wanted.job}: {answer['__typename']}: {told[0]}")
    return str(answer["run"]["runId"])


def _ask(settings: Settings, query: str, variables: dict[str, Any], seconds: float) -> Any:
    request = urllib.request.Request(
        f"{settings.ui_url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=seconds) as response:
        return json.load(response)["data"]
