"""Dagster's runs as its webserver tells of them over GraphQL: asking takes no import of Dagster."""

import json
import urllib.request
from typing import NamedTuple

from myi_pipelines.settings import Settings

SECONDS = 10
UNFINISHED = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING")
USER_TAG = "myi/user"  # As in `jobs`, which would import Dagster.

QUERY = """
query RunsSince($since: Float!) {
  runsOrError(filter: {createdAfter: $since}, limit: 100) {
    ... on Runs { results { runId jobName status tags { key value } } }
  }
}
"""


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
    request = urllib.request.Request(
        f"{settings.ui_url}/graphql",
        json.dumps({"query": QUERY, "variables": {"since": since}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            found = json.load(response)["data"]["runsOrError"]["results"]
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
