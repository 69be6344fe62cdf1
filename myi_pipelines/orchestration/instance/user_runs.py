"""The runs that name a user, in Dagster's tables and files: found, counted and removed. Runs name users in their tags,
in their configuration and in their events."""

import json
import re
import shutil
from collections.abc import Mapping

import psycopg

from myi_pipelines.orchestration.instance.local_instance import local_instance
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

USER_TAG = "myi/user"
"""The tag of runs that work for one user."""


class UserRuns:
    """What Dagster of these settings remembers of users."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def unfinished(self, user: str) -> list[str]:
        """Ids of the runs that work for a user and have not ended."""
        return self._query("unfinished", {"tag": USER_TAG, "user": user})

    def naming(self, user: str) -> list[str]:
        """Ids of the finished runs whose tags, configuration or events name a user."""
        return self._query("naming", {"pattern": name_pattern(user)})

    def remove_naming(self, user: str) -> None:
        """Remove the finished runs that name a user, with their events and stored values."""
        run_ids = self.naming(user)
        if not run_ids:
            return
        with local_instance(self._settings) as instance:
            for run_id in run_ids:
                instance.delete_run(run_id)
                shutil.rmtree(self._settings.dagster_home / "storage" / run_id, ignore_errors=True)

    def _query(self, name: str, parameters: Mapping[str, str]) -> list[str]:
        """Run ids from Dagster's own tables; none where Dagster has never run."""
        with psycopg.connect(servers_of(self._settings).dagster_url, application_name="myi forget") as conn:
            if not fetch_scalar(conn, "SELECT num_nulls(to_regclass('runs'), to_regclass('event_logs')) = 0"):
                return []
            return [run_id for (run_id,) in conn.execute(statement(f"user_runs/{name}"), parameters)]


def name_pattern(name: str) -> str:
    """PostgreSQL's regular expression for a name that stands alone in a text, also in JSON, or JSON within JSON."""
    letters = [
        re.escape(letter)
        if letter.isascii() and letter not in '"\\'
        else rf"(?:{re.escape(letter)}|{_escaped(letter)})"
        for letter in name
    ]
    return r"(?:^|[^[:alnum:]_-]|\\[nrt])" + "".join(letters) + r"(?:$|[^[:alnum:]_-])"


def _escaped(letter: str) -> str:
    """A letter as JSON escapes it, with one backslash or more for each backslash of JSON."""
    return json.dumps(letter)[1:-1].replace("\\", r"\\+")
