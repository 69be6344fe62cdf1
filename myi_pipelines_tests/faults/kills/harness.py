"""Kills an operation at one of its steps, does it again, and judges what is left: nothing may be lost, doubled or
wrong, and no rubbish may lie about."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from myi_pipelines.operations import archiving
from myi_pipelines.orchestration.instance import active_runs
from myi_pipelines.orchestration.instance.local_instance import local_instance
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.warehouse import archive, invariants
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines_tests.faults.kills.household import Household
from myi_pipelines_tests.faults.kills.operations import Operation, State, import_of_ada
from myi_pipelines_tests.faults.kills.orders import Order
from myi_pipelines_tests.support.archive_fixtures import open_archiving_warehouse
from myi_pipelines_tests.support.readers import reading
from myi_pipelines_tests.support.reference import Tables
from myi_pipelines_tests.support.shared_servers import TEMPLATE, SessionServers
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse

SECONDS_TO_GO = 30
"""Until the sessions and programs of a killed process must be gone: what it started may come to its end."""
NOBODY = -1
GOLDEN = 0.6180339887498949
"""The multiples of it, less their whole parts, are spread evenly, wherever they end."""
CUT_EACH = 4
"""Every so often the connection is cut in place of the process."""
COUNTED = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT relispartition AND relname NOT IN ('archived_months', 'archived_user_months', 'orphaned_folders',
    'retention_holds', 'import_jobs') ORDER BY relname
"""
"""Tables that have as many rows as in a warehouse in which nothing was killed, once everything is restored."""

COUNTED_BY_JOBS = """
    SELECT concat_ws(' ', 'import job', name, file_name, status, what), rows
    FROM import_jobs
    JOIN users ON users.id = user_id
    CROSS JOIN LATERAL (VALUES ('total', total_rows), ('added', added_rows), ('duplicate', duplicate_rows))
        AS counted (what, rows)
    WHERE status <> 'FAILED'
"""
"""A connection that is cut fails the job of its file, which gets another one."""


class Fault(NamedTuple):
    """One thing that is not as it must be."""

    kind: str
    """lost, doubled, wrong or rubbish."""
    what: str


class Done(NamedTuple):
    """A process that came to its end."""

    pid: int
    steps: int
    seconds: float


class Twin(NamedTuple):
    """An operation that nobody killed."""

    steps: int
    seconds: float
    rows: Mapping[str, int | None]
    """By table."""
    identities: Mapping[Any, Any]
    """The ids and times of creation of events that there were before, by user and event."""


class Killed(NamedTuple):
    """What came of one try to kill or to cut off."""

    operation: str
    number: int
    step: int
    is_cut: bool
    has_died: bool
    """It had not ended before, and did not go on with another connection."""
    was_hit: bool
    """It was killed, or its connection was cut, before it had ended."""
    place: str
    faults: list[Fault]

    @property
    def was_killed(self) -> bool:
        """By SIGKILL, before it had ended."""
        return self.was_hit and not self.is_cut


class Trial(NamedTuple):
    """A copy of a state, for one run."""

    url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MYI_DATABASE_URL": self.url,
            "MYI_HOME": str(self.folder / "home"),
            "MYI_UPLOADS": str(self.folder / "uploads"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    @property
    def settings(self) -> Settings:
        return load_settings(
            database_url=self.url,
            dagster_database_url="",
            home=self.folder / "home",
            uploads=self.folder / "uploads",
        )

    @property
    def output(self) -> Path:
        return self.folder.with_suffix(".txt")


class Harness:
    """Kills operations on the servers of a test session."""

    def __init__(self, servers: SessionServers, folder: Path, seed: int, stack: ExitStack) -> None:
        self.seed = seed
        self.household = Household(folder / "exports")
        self._servers, self._folder, self._stack = servers, folder, stack
        self._states: dict[State, tuple[str, Path]] = {}
        self._made: dict[State, Done] = {}
        """The last command of states that commands make."""
        self._twins: dict[str, Twin] = {}
        self._expected: dict[str, Mapping[str, Tables]] = {}
        self._forks = stack.enter_context(_forks())
        self._numbers = iter(range(1_000_000))
        self.answers = 0
        """What readers beside the killed operations were answered."""

    def kill(self, operation: Operation, number: int) -> Killed:
        """Kill an operation within one of its steps, do it again, and judge. However many numbers there are, their
        steps are spread evenly. Every fourth time its connection is cut instead."""
        twin = self.twin(operation)
        chance = random.Random(f"{self.seed} {operation.name} {number}")
        begins = random.Random(f"{self.seed} {operation.name}").random()
        step = int((begins + number * GOLDEN) % 1 * twin.steps) + 1
        is_cut = number % CUT_EACH == CUT_EACH - 1
        moment = chance.choice((0.0, chance.random(), chance.random()))
        with self._trial(operation.state) as trial:
            order = self._order(operation, trial)._replace(
                stop_at=step, is_cut=is_cut, moment=moment, step_seconds=max(0.004, 2 * twin.seconds / twin.steps)
            )
            with self._reading(operation, trial) as misread:
                pid, code = self._run(order)
            place = trial.output.with_suffix(".txt.place")
            was_hit = trial.output.with_suffix(".txt.cut").exists() if is_cut else code == -signal.SIGKILL
            where = place.read_text() if place.exists() else ""
            killed = Killed(operation.name, number, step, is_cut, code != 0, was_hit, where, [])
            killed.faults.extend(Fault("wrong", f"a reader beside it: {one}") for one in misread)
            killed.faults.extend(self._after_kill(operation, trial, pid, code, killed.has_died))
            if not killed.faults:
                killed.faults.extend(self._done_again(operation, trial, order, twin, has_died=killed.has_died))
        return killed

    def twin(self, operation: Operation) -> Twin:
        """The operation that nobody kills; it must be right. Where it makes a state, it is done once for both."""
        if operation.name not in self._twins:
            with self._trial(operation.state) as trial:
                with self._open(trial) as warehouse:
                    known = {event_id for event_id, _ in identities(warehouse).values()}
                if operation.makes is None:
                    done = self._done(self._order(operation, trial))
                    self._twins[operation.name] = self._judged(operation, trial, done, known)
            if operation.makes is not None:
                with self._trial(operation.makes) as trial:
                    self._twins[operation.name] = self._judged(operation, trial, self._made[operation.makes], known)
        return self._twins[operation.name]

    def _judged(self, operation: Operation, trial: Trial, done: Done, known: Set[int]) -> Twin:
        with self._open(trial) as warehouse:
            faults = self._rubbish(operation, trial, warehouse.conn, done.pid)
            faults += self._differences(operation, warehouse, None)
            assert faults == [], f"{operation.name} is not right without a kill: {faults}"
            kept = {event: one for event, one in identities(warehouse).items() if one[0] in known}
            return Twin(done.steps, done.seconds, rows(warehouse.conn), kept)

    # States

    def _trial_of(self, state: State, name: str) -> tuple[str, Path]:
        """The database and the folder of a state, which are only copied."""
        if state not in self._states:
            template, parent = self._trial_of(state.parent, name) if state.parent else (TEMPLATE, None)
            database = f"kills_{state.name.replace(' ', '_')}_{next(self._numbers)}_{name}"
            folder = self._folder / "states" / state.name
            _copy(parent, folder)
            trial = Trial(self._stack.enter_context(self._servers.database(database, template)), folder)
            if state.change is not None:
                with self._open(trial) as warehouse:
                    state.change(self.household, warehouse)
            for command in state.commands:
                with self._open(trial) as warehouse:
                    arguments = import_of_ada(self.household, warehouse) if command == ("IMPORT",) else list(command)
                self._made[state] = self._done(Order(arguments, trial.environment, str(folder), str(trial.output)))
            self._states[state] = database, folder
        return self._states[state]

    @contextmanager
    def _trial(self, state: State) -> Iterator[Trial]:
        template, source = self._trial_of(state, str(self.seed))
        number = next(self._numbers)
        folder = self._folder / f"trial-{number}"
        _copy(source, folder)
        with self._servers.database(f"kills_trial_{number}_{self.seed}", template) as url:
            yield Trial(url, folder)
        shutil.rmtree(folder)

    @contextmanager
    def _open(self, trial: Trial) -> Iterator[Warehouse]:
        with open_archiving_warehouse(trial.url, trial.folder / "home" / "archive") as warehouse:
            yield warehouse

    # Running

    @contextmanager
    def _reading(self, operation: Operation, trial: Trial) -> Iterator[list[str]]:
        """Wrong answers to somebody who reads beside the operation, if statistics agree with events all the time."""
        misread: list[str] = []
        if operation.keeps_invariants:
            users = [name for name in self.household.listeners if name != operation.forgets]
            with reading(trial.url, users, self.seed) as reader:
                yield misread
            self.answers += reader.answers
            misread += reader.wrong
        else:
            yield misread

    def _order(self, operation: Operation, trial: Trial) -> Order:
        with open_warehouse(trial.url) as warehouse:
            command = operation.command(self.household, warehouse)
        return Order(command, trial.environment, str(trial.folder), str(trial.output))

    def _done(self, order: Order) -> Done:
        """Do what is ordered, without a kill."""
        began = time.monotonic()
        pid, code = self._run(order)
        seconds = time.monotonic() - began
        output = Path(order.output)
        assert code == 0, f"{order.command} fails without a kill: {output.read_text()}"
        return Done(pid, int(output.with_suffix(".txt.steps").read_text()), seconds)

    def _run(self, order: Order) -> tuple[int, int]:
        """The process's id, and how it ended."""
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(json.dumps(order._asdict()) + "\n")
        self._forks.stdin.flush()
        pid, code = json.loads(self._forks.stdout.readline())
        return pid, code

    # Judging

    def _after_kill(self, operation: Operation, trial: Trial, pid: int, code: int, has_died: bool) -> Iterator[Fault]:
        """What a reader may see before anybody does anything."""
        if "Traceback" in trial.output.read_text():
            yield Fault("wrong", f"a traceback: {trial.output.read_text()[-1500:]}")
        yield from _left_processes(pid)
        with connect(trial.url) as conn:
            yield from _left_sessions(conn)
            if operation.keeps_invariants:
                found = [one for one in invariants.check(conn) if one.user != operation.forgets]
                yield from (Fault("wrong", f"before it is done again: {one}") for one in found)

    def _done_again(
        self, operation: Operation, trial: Trial, order: Order, twin: Twin, *, has_died: bool
    ) -> list[Fault]:
        """What a user does: the same again, or nothing where that is refused because it is done; then the next run
        derives what is left."""
        again, pid = order._replace(stop_at=None), NOBODY
        if has_died and _has_warehouse(trial):
            with self._open(trial) as warehouse:
                if operation.is_done(trial.folder, warehouse):
                    again = again._replace(command=["heal"])
        if has_died:
            pid, code = self._run(again)
            if code != 0:
                return [Fault("wrong", f"done again it ended with {code}: {trial.output.read_text()[-1500:]}")]
        with self._open(trial) as warehouse:
            return self._rubbish(operation, trial, warehouse.conn, pid) + self._differences(operation, warehouse, twin)

    def _differences(self, operation: Operation, warehouse: Any, twin: Twin | None) -> list[Fault]:
        """How the tables differ from the reference's, everything restored, and from those of the twin."""
        if operation.name not in self._expected:
            self._expected[operation.name] = operation.expected(self.household)
        expected = self._expected[operation.name]
        warehouse.restore_archived()
        conn = warehouse.conn
        users = dict(conn.execute("SELECT name, id FROM users").fetchall())
        faults = [Fault("wrong", f"users are {sorted(users)}")] if users.keys() != expected.keys() else []
        faults += [Fault("wrong", str(one)) for one in invariants.check(conn)]
        for name in users.keys() & expected.keys():
            found = warehouse.tables(users[name])
            for table in Tables._fields:
                faults += _compared(f"{name}: {table}", getattr(found, table), getattr(expected[name], table))
        if twin is not None:
            now_rows = rows(conn)
            for table in twin.rows.keys() | now_rows.keys():
                count, should = now_rows.get(table, 0), twin.rows.get(table, 0)
                if count is None or should is None:
                    faults += [Fault("wrong", f"{table}: {count}, {should} without a kill")] if count != should else []
                elif count != should:
                    kind = "lost" if count < should else "doubled"
                    faults.append(Fault(kind, f"{table} has {count} rows, {should} without a kill"))
            now = identities(warehouse)
            renewed = [event for event, one in twin.identities.items() if event in now and now[event] != one]
            faults += [Fault("wrong", f"{len(renewed)} events were written anew: {renewed[:2]}")] if renewed else []
        return faults

    def _rubbish(self, operation: Operation, trial: Trial, conn: Connection, pid: int) -> list[Fault]:
        faults = [*_left_processes(pid), *_left_sessions(conn)]
        faults += [Fault("rubbish", f"{what}: {name}") for what, name in conn.execute(RUBBISH)]
        faults += [Fault("rubbish", f"run {one} is open") for one in _open_runs(trial)]
        with open_archiving_warehouse(trial.url, trial.folder / "home" / "archive") as warehouse:
            store = warehouse.store
            archiving.collect_garbage(warehouse.conn, store, datetime.now(UTC) + timedelta(days=31))
            parts = {one.folder for one in archive.archived_parts(warehouse.conn)}
            faults += [Fault("rubbish", f"{one} in the archive") for one in set(store.folders()) - parts]
            faults += [Fault("lost", f"{one} is not in the archive") for one in parts - set(store.folders())]
        present = {str(path.relative_to(trial.folder)) for path in _files(trial.folder)}
        allowed = {"backups", "tmp", "uploads", "home", "home/dagster", "home/archive", "home/stack.lock"}
        odd = {
            path
            for path in present - allowed
            if not path.startswith(("home/dagster/", "home/archive/month=", "backups/of-now"))
        }
        return faults + [Fault("rubbish", f"the file {path}") for path in sorted(odd)]


RUBBISH = """
    SELECT 'a temporary table', relname::text FROM pg_class WHERE relpersistence = 't'
    UNION ALL SELECT 'a schema', nspname FROM pg_namespace
    WHERE nspname NOT IN ('public', 'shadow', 'dagster', 'information_schema') AND nspname !~ '^pg_'
    UNION ALL SELECT 'a shadow partition', relname FROM pg_class
    WHERE relnamespace = 'shadow'::regnamespace AND relkind IN ('r', 'p')
    UNION ALL SELECT 'a detached partition', relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '_y\\d{4}m\\d\\d$'
    AND NOT relispartition
    UNION ALL SELECT 'a partition that is being detached', inhrelid::regclass::text FROM pg_inherits
    WHERE inhdetachpending
    UNION ALL SELECT 'an invalid index', indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
    UNION ALL SELECT 'an open import job', id || ' ' || status FROM import_jobs
    WHERE status IN ('PENDING', 'PROCESSING')
    UNION ALL SELECT 'a failed import job with plays', id::text FROM import_jobs
    WHERE status = 'FAILED' AND EXISTS (SELECT FROM imported_plays WHERE job_id = import_jobs.id)
    UNION ALL SELECT 'an invalidated user-month', concat_ws(' ', user_id, month, stage) FROM invalidated_user_months
    UNION ALL SELECT 'a prepared transaction', gid FROM pg_prepared_xacts WHERE database = current_database()
"""

OPEN_RUNS = "SELECT run_id, status FROM dagster.runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"


def _compared(what: str, found: Any, expected: Any) -> list[Fault]:
    """Keys that are missing are lost, keys that should not be there doubled, other values wrong."""
    if found == expected:
        return []
    if not isinstance(found, dict | set):
        return [Fault("wrong", f"{what}: {found}, should be {expected}")]
    lost, more = [one for one in expected if one not in found], [one for one in found if one not in expected]
    faults = [Fault("lost", f"{what}: {len(lost)}, like {lost[0]}")] if lost else []
    faults += [Fault("doubled", f"{what}: {len(more)}, like {more[0]}")] if more else []
    if isinstance(found, dict):
        wrong = [one for one in expected if one in found and found[one] != expected[one]]
        if wrong:
            text = f"{what}: {len(wrong)}, like {wrong[0]}: {found[wrong[0]]}, should be {expected[wrong[0]]}"
            faults.append(Fault("wrong", text))
    return faults


def rows(conn: Connection) -> dict[str, int | None]:
    """How many rows each table has, and what import jobs have counted."""
    tables = [name for (name,) in conn.execute(COUNTED)]
    counts = {name: conn.execute(f"SELECT count(*) FROM {name}".encode()).fetchall()[0][0] for name in tables}
    return counts | dict(conn.execute(COUNTED_BY_JOBS).fetchall())


def identities(warehouse: Warehouse) -> dict[Any, tuple[int, datetime]]:
    """The id and time of creation of each event in the tables, by user and event."""
    users = warehouse.conn.execute("SELECT name, id FROM users").fetchall()
    return {(name, *event): one for name, user_id in users for event, one in warehouse.identities(user_id).items()}


def _has_warehouse(trial: Trial) -> bool:
    """Not in the middle of a restore."""
    with connect(trial.url) as conn:
        return conn.execute("SELECT to_regclass('public.archived_user_months')").fetchall() != [(None,)]


def _left_processes(session: int) -> Iterator[Fault]:
    """Processes that a killed one started, and that do not end."""
    deadline = time.monotonic() + SECONDS_TO_GO
    while left := [one for one in psutil.process_iter(["pid", "name"]) if _session_of(one.pid) == session]:
        if time.monotonic() > deadline:
            yield Fault("rubbish", f"processes live on: {[one.info['name'] for one in left]}")
            for one in left:
                one.kill()
            return
        time.sleep(0.02)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _left_sessions(conn: Connection) -> Iterator[Fault]:
    """Sessions, which hold locks and temporary tables, that do not end."""
    own = (
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name <> 'myi' AND backend_type = 'client backend'"
    )
    deadline = time.monotonic() + SECONDS_TO_GO
    while left := conn.execute(own).fetchall():
        if time.monotonic() > deadline:
            yield Fault("rubbish", f"sessions live on: {left}")
            return
        time.sleep(0.01)


def _open_runs(trial: Trial) -> list[str]:
    """Runs that are not ended, minutes later, when it is known which processes are gone."""
    with connect(trial.url) as conn:
        if conn.execute("SELECT to_regclass('dagster.runs')").fetchall() == [(None,)]:
            return []
        if not conn.execute(OPEN_RUNS).fetchall():
            return []
        with pytest.MonkeyPatch.context() as patched, local_instance(trial.settings) as instance:
            patched.setattr(active_runs, "SECONDS_UNTIL_SILENT", 0)
            patched.setattr(active_runs, "SECONDS_TO_BEGIN", 0)
            active_runs.end_dead_runs(instance, conn)
        return [f"{run_id} {status}" for run_id, status in conn.execute(OPEN_RUNS)]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*"))


def _copy(source: Path | None, folder: Path) -> None:
    if source is not None:
        shutil.copytree(source, folder, symlinks=True)
    else:
        for name in ("home", "uploads", "tmp", "backups"):
            (folder / name).mkdir(parents=True)


@contextmanager
def _forks() -> Iterator[subprocess.Popen[str]]:
    """The process that forks those that are killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "myi_pipelines_tests.faults.kills.killable"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forks:
        assert forks.stdout is not None
        assert forks.stdout.readline() == "ready\n"
        yield forks
        assert forks.stdin is not None
        forks.stdin.close()
