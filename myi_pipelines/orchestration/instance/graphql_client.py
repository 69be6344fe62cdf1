"""Lists Dagster's runs and asks for new ones, over the GraphQL API of Dagster's webserver. Imports no Dagster.

Dagster's own client, ``dagster_graphql.DagsterGraphQLClient``, cannot list runs. Importing it would cost the demo,
which does not import Dagster otherwise, 0.8 s of CPU time and 31 MB.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from myi_pipelines.errors import FailedError
from myi_pipelines.orchestration.names import USER_TAG
from myi_pipelines.runtime.dagster_processes import LOCATION
from myi_pipelines.sources.spotify.transport import Session

SECONDS = 10
SECONDS_TO_LAUNCH = 60
UNFINISHED = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
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
    """Dagster did not accept a run; the message names the job and the reason."""


class Launch(NamedTuple):
    """A run to ask for."""

    job: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]


class Run(NamedTuple):
    """One run of Dagster."""

    id: str
    job: str
    user: str | None
    """The user whose files it imports."""
    status: str

    @property
    def is_unfinished(self) -> bool:
        return self.status in UNFINISHED


def runs_since(webserver: str, since: float) -> tuple[Run, ...] | None:
    """The runs created after an instant, newest first; None while the webserver does not answer."""
    try:
        found = _ask(webserver, QUERY, {"since": since}, SECONDS)["runsOrError"]["results"]
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


def launch(webserver: str, wanted: Launch) -> str:
    """Put a run into Dagster's queue and return its id. Raises LaunchFailed."""
    params = {
        "selector": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": wanted.job},
        "runConfigData": wanted.config,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in wanted.tags.items()]},
    }
    try:
        answer = _ask(webserver, LAUNCH, {"params": params}, SECONDS_TO_LAUNCH)["launchRun"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchFailed(f"Dagster's webserver did not accept a run of {wanted.job}: {error!r}") from None
    if "run" not in answer:
        reasons = [error["message"] for error in answer.get("errors", ())] or [answer.get("message")]
        raise LaunchFailed(f"Dagster did not accept a run of {wanted.job}: {answer['__typename']}: {reasons[0]}")
    return str(answer["run"]["runId"])


def _ask(webserver: str, query: str, variables: dict[str, Any], seconds: float) -> Any:
    with Session() as session:
        response = session.post(f"{webserver}/graphql", json={"query": query, "variables": variables}, timeout=seconds)
        response.raise_for_status()
        return response.json()["data"]
