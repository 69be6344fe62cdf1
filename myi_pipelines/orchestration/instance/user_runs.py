"""The runs that name a user, in Dagster's tables and files: found, counted and removed. Runs name users in their tags,
in their configuration and in their events.

A name may be any word. So the texts of a run are taken apart, and only what MYI writes is looked at, not Dagster's own
words and keys; in it, a name counts where a user is named: as a whole value, as a cell of a table, as a part of a path,
or set off from the sentence by punctuation.
"""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import psycopg

from myi_pipelines.orchestration.instance.local_instance import local_instance
from myi_pipelines.orchestration.names import USER_TAG
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import connect, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement

SAID = frozenset({"text", "md_str", "path", "url", "data", "message", "description"})
"""The keys of an event under which are texts of MYI: metadata, errors, and what checks say."""
OF_DAGSTER = ("ENGINE_EVENT", "RESOURCE_INIT", "STEP_WORKER", "LOGS_CAPTURED")
"""Beginnings of the types of events whose data is Dagster's own."""
HEADER = re.compile(r"^.*\n\|(?:---\|)+$", re.MULTILINE)
"""The names of the columns of a Markdown table."""
ESCAPED = re.compile(r"\\([\\`*_\[\]<>|])")
"""A sign that Markdown would swallow, as ``assets.metadata`` escapes it."""


class UserRuns:
    """What Dagster of these settings remembers of users."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def unfinished(self, user: str) -> list[str]:
        """Ids of the runs that work for a user and have not ended.

        A run whose process is gone, or that only waits in the queue, is ended first, and is not started again: without
        ``myi up`` nothing else would notice.
        """
        run_ids = self._unfinished(user)
        if not run_ids:
            return []
        from myi_pipelines.orchestration.instance.active_runs import end_idle_runs

        with (
            local_instance(self._settings) as instance,
            connect(servers_of(self._settings).database_url, application_name="myi forget") as conn,
        ):
            end_idle_runs(instance, conn, run_ids)
        return self._unfinished(user)

    def naming(self, user: str) -> list[str]:
        """Ids of the finished runs whose tags, configuration or events name a user."""
        with self._connection() as conn:
            if not _has_runs(conn):
                return []
            with conn.cursor("runs_naming_a_user") as cursor:
                cursor.execute(statement("user_runs/naming"), {"pattern": name_pattern(user)})
                return [run_id for run_id, body, events in cursor if self._is_named(user, body, events)]

    def remove_naming(self, user: str) -> None:
        """Remove the finished runs that name a user, with their events and stored values."""
        run_ids = self.naming(user)
        if not run_ids:
            return
        with local_instance(self._settings) as instance:
            for run_id in run_ids:
                instance.delete_run(run_id)
                shutil.rmtree(self._settings.dagster_home / "storage" / run_id, ignore_errors=True)

    def _unfinished(self, user: str) -> list[str]:
        """As Dagster's own tables have it; none where Dagster has never run."""
        with self._connection() as conn:
            if not _has_runs(conn):
                return []
            found = conn.execute(statement("user_runs/unfinished"), {"tag": USER_TAG, "user": user})
            return [run_id for (run_id,) in found]

    def _is_named(self, name: str, body: str, events: list[str]) -> bool:
        said = (text for event in events for text in _said(json.loads(event)))
        return name in _works_for(json.loads(body)) or any(
            names_user(text, name, self._settings.uploads.name) for text in said
        )

    def _connection(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(servers_of(self._settings).dagster_url, application_name="myi forget")


def _has_runs(conn: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    return bool(fetch_scalar(conn, "SELECT num_nulls(to_regclass('runs'), to_regclass('event_logs')) = 0"))


def name_pattern(name: str) -> str:
    """PostgreSQL's regular expression for a name that stands alone in a text, also in Markdown, JSON, or JSON within
    JSON."""
    letters = [
        ("" if letter.isalnum() else r"\\*")  # a backslash of Markdown's
        + (re.escape(letter) if letter.isascii() and letter not in '"\\' else _or_escaped(letter))
        for letter in name
    ]
    return r"(?:^|[^[:alnum:]_-]|\\[nrt])" + "".join(letters) + r"(?:$|[^[:alnum:]_-])"


def names_user(text: str, name: str, uploads: str = "uploads") -> bool:
    """Whether a text of MYI names a user; ``uploads`` is the name of the folder above the users' own.

    >>> [names_user(text, "anna") for text in ("anna", "anna: 3 plays", "| anna | 3 |", "/uploads/anna/x.zip")]
    [True, True, True, True]
    >>> [names_user(text, "user") for text in ("of a user in all", "1 user-month", "| user | error |\\n|---|---|")]
    [False, False, False]
    """
    plain = ESCAPED.sub(r"\1", HEADER.sub("", text))
    before = rf"(?:^|\n|[|,;:(\[\"'`=]|--user|^-|\n-|{re.escape(uploads)}/)[ ]*"
    after = r"(?:$|\n|[ ]*[|,;:)\]\"'`/]|'s | needs `| should have )"
    return re.search(before + re.escape(name) + after, plain) is not None


def _works_for(run: dict[str, Any]) -> Iterator[str]:
    """The users whom a run's tag and configuration name."""
    yield run["tags"].get(USER_TAG, "")
    for step in run["run_config"].get("ops", {}).values():
        config = step.get("config", {})
        yield config.get("user") or ""
        yield from config.get("users") or ()


def _said(event: dict[str, Any]) -> Iterator[str]:
    """The texts of MYI in an event: what a step logs, or the data of one of Dagster's events."""
    dagster_event = event.get("dagster_event")
    if dagster_event is None:
        yield event.get("user_message") or ""
    elif not dagster_event["event_type_value"].startswith(OF_DAGSTER):
        yield from _texts(dagster_event.get("event_specific_data"))


def _texts(value: Any) -> Iterator[str]:
    """The values under the keys of ``SAID``; not names of assets, the descriptions of tables and columns, nor what
    Dagster says of an error that it passes on."""
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict) and not str(value.get("__class__")).startswith(("AssetKey", "Table")):
        is_dagsters = str(value.get("cls_name")).startswith("Dagster")
        for key, each in value.items():
            if key not in SAID:
                yield from _texts(each)
            elif not is_dagsters:
                yield from _values(each)


def _values(value: Any) -> Iterator[str]:
    """Every text in a value, without keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each)


def _or_escaped(letter: str) -> str:
    """A letter, also as JSON escapes it, with one backslash or more for each backslash of JSON."""
    escaped = json.dumps(letter)[1:-1].replace("\\", r"\\+")
    return rf"(?:{re.escape(letter)}|{escaped})"
