"""The runs that name a user, in Dagster's tables and files: found, counted and removed. Runs name users in their tags,
in their configuration and in their events.

A name may be any word or number, also one that stands in the history of everybody's runs: a unit, a title, an artist.
So the texts of a run are taken apart, and only what MYI writes is looked at, not Dagster's own words and keys. In it, a
name counts where MYI names a user, and nowhere else: as the value "user", in the column "user" of a table, as a folder
of the uploads, and at the places of ``SENTENCES``. A new sentence that names a user belongs there: a test finds one
that is missing.
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
USER = "user"
"""The label of a value, and the name of a table's column, that is the name of a user."""
IMAGE = re.compile(r"!\[[^\]]*\]\(data:[^)]*\)")
"""A chart in Markdown: its bytes are letters too."""
SEPARATOR = re.compile(r"\|(?:---\|)+")
"""The line below the names of the columns of a Markdown table."""
CELL = re.compile(r"\|((?:\\.|[^\\|])*)")
ESCAPED = re.compile(r"\\([\\`*_\[\]<>|])")
"""A sign that Markdown would swallow, as ``assets.metadata`` escapes it."""
BEGINS = r"(?:^(?:- )?|\n- |; )"
"""Where a line of a log or of a list begins, or the next of several that were put together."""
SENTENCES = (
    rf"{BEGINS}NAME needs `myi login ",
    rf"{BEGINS}NAME should have been polled ",
    rf"{BEGINS}NAME is not polled: ",
    rf"{BEGINS}NAME is locked: ",
    rf"{BEGINS}NAME: [a-z_]+\.[a-z_]+ sums to ",
    r"\bof NAME are counted in UTC; ",
    r"\bno user is named QUOTED;",
    r"(?:^|: |, )NAME(?:, [^;:]*)?: no valid Spotify account is linked ",
    r"\(linked: (?:[^)]*, )?NAME(?:, [^)]*)?\);",
    r"(?:^|[/\s'\"`(])UPLOADS/NAME(?:$|[/\s'\"`:,;)])",
)
"""How MYI names users in what it says, as regular expressions: ``NAME``, also as Python quotes it, and the name of the
folder of the uploads."""
LINE = rf"{BEGINS}NAME: "
"""A line about a user, of the steps and checks that say such."""
NO_LINES = frozenset({"imported_plays", "archived_months", "listening_events", "stats", "polled_plays_quota_is_left"})
"""Steps and checks whose lines begin with something else: a file, a month, a group of calls, the number of a user."""


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
        uploads = self._settings.uploads.name
        said = (one for event in events for one in _said(json.loads(event)))
        return name in _works_for(json.loads(body)) or any(
            text == name if label == USER else names_user(text, name, uploads, step=step) for step, label, text in said
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


def names_user(text: str, name: str, uploads: str = "uploads", *, step: str = "") -> bool:
    """Whether a text of MYI, said by a step or check, names a user; ``uploads`` is the name of the folder above the
    users' own.

    >>> [names_user(text, "anna") for text in ("anna: 3 plays", "| user |\\n|---|\\n| anna |", "/uploads/anna/x.zip")]
    [True, True, True]
    >>> [names_user(text, "UTC") for text in ("from 12:00 UTC; it", "| user | zone |\\n|---|---|\\n| anna | UTC |")]
    [False, False]
    """
    prose, users = _without_tables(IMAGE.sub("", text))
    if name in users:
        return True
    fills = {"NAME": re.escape(name), "QUOTED": re.escape(repr(name)), "UPLOADS": re.escape(uploads)}
    sentences = SENTENCES if step in NO_LINES else (*SENTENCES, LINE)
    plain = ESCAPED.sub(r"\1", prose)
    return any(re.search(re.sub("[A-Z]{4,}", lambda word: fills[word[0]], one), plain) for one in sentences)


def _without_tables(text: str) -> tuple[str, set[str]]:
    """A text without its Markdown tables, and whom they name."""
    prose: list[str] = []
    users: set[str] = set()
    columns: list[str] | None = None
    lines = text.split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if not line.startswith("|"):
            columns = None
            prose.append(line)
        elif SEPARATOR.fullmatch(below):
            columns = [name.lower() for name in _cells(line)]
        elif columns is not None and USER in columns:
            users.update(_cells(line)[columns.index(USER) :][:1])
    return "\n".join(prose), users


def _cells(line: str) -> list[str]:
    return [ESCAPED.sub(r"\1", cell).strip() for cell in CELL.findall(line)]


def _works_for(run: dict[str, Any]) -> Iterator[str]:
    """The users whom a run's tag and configuration name."""
    yield run["tags"].get(USER_TAG, "")
    for step in run["run_config"].get("ops", {}).values():
        config = step.get("config", {})
        yield config.get("user") or ""
        yield from config.get("users") or ()


def _said(event: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The texts of MYI in an event, each with the step or check that says it, and its label: what a step logs, or the
    data of one of Dagster's events."""
    step, dagster_event = event.get("step_key") or "", event.get("dagster_event")
    if dagster_event is None:
        yield step, "", event.get("user_message") or ""
    elif not dagster_event["event_type_value"].startswith(OF_DAGSTER):
        for label, text in _texts(dagster_event.get("event_specific_data"), ""):
            yield step, label, text


def _texts(value: Any, label: str) -> Iterator[tuple[str, str]]:
    """The values under the keys of ``SAID``, labelled; not names of assets, the descriptions of tables and columns, nor
    what Dagster says of an error that it passes on."""
    if isinstance(value, list):
        for each in value:
            yield from _texts(each, label)
    elif isinstance(value, dict) and not str(value.get("__class__")).startswith(("AssetKey", "Table")):
        is_dagsters = str(value.get("cls_name")).startswith("Dagster")
        label = value.get("label") or label
        for key, each in value.items():
            if key not in SAID:
                yield from _texts(each, label)
            elif not is_dagsters:
                yield from ((label, text) for text in _values(each))


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
