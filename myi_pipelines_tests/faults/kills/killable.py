"""The processes that the harness kills: `python -m myi_pipelines_tests.faults.kills.killable`.

It has everything imported and forks a process for each line that it reads, an ``Order`` as JSON; so each begins at
once. It answers with a line: how the process ended. The forked process counts its steps, which are what it asks of a
server, what it changes in its folder and the programs that it starts, and ends itself with SIGKILL at the one that the
order names, or loses its connection there.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy import event

from myi_pipelines.cli import app
from myi_pipelines.cli.app import message_for_user
from myi_pipelines.cli.foreground_run import run_job
from myi_pipelines.definitions import defs
from myi_pipelines.operations import archiving, backup, export, forget, merge_users, restore, verify
from myi_pipelines.orchestration.instance import user_runs
from myi_pipelines.orchestration.instance.foreground import ForegroundRun
from myi_pipelines.orchestration.names import HEAL_USER_MONTHS, heal_config, range_tags
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse import rebuild, user_months
from myi_pipelines.warehouse.user_months import Stage
from myi_pipelines_tests.faults.kills.household import MONTHS
from myi_pipelines_tests.faults.kills.orders import HANGS, Order
from myi_pipelines_tests.support.exchanging import always_exchange, exchanges, open_exchanging_warehouse

LOADED = (defs, archiving, backup, export, forget, merge_users, restore, verify, user_runs)
"""Modules that commands import when they are called: here once for all."""
SECONDS_AT_MOST = 120
PROGRAMS_TAKE_SECONDS = 1.0
"""A kill that comes while another program works comes within that time."""
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink")


class Steps:
    """Counts the steps of this process, and ends it at the one that is ordered."""

    def __init__(self, order: Order) -> None:
        self.count = 0
        self._order = order
        self._lock = threading.Lock()
        self._is_over = False
        self._own = (order.output, str(Path(order.folder, "home", "dagster")))

    def watch(self) -> None:
        """Count from here on."""
        wait = psycopg.Connection.wait

        def counted(conn: Any, *arguments: Any, **named: Any) -> Any:
            self._take(conn)
            return wait(conn, *arguments, **named)

        psycopg.Connection.wait = counted  # type: ignore[assignment, method-assign]
        event.listen(sqlalchemy.Engine, "before_cursor_execute", lambda *_: self._take())
        sys.addaudithook(self._audit)

    def _audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "subprocess.Popen":
            self._take(seconds=PROGRAMS_TAKE_SECONDS)
        elif (name in CHANGES or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))) and isinstance(
            arguments[0], str
        ):
            path = os.path.abspath(arguments[0])  # noqa: PTH100 - a Path would cost more
            if path.startswith(self._order.folder) and not path.startswith(self._own):
                self._take()

    def _take(self, conn: Any = None, *, seconds: float | None = None) -> None:
        order = self._order
        with self._lock:
            self.count += 1
            if order.stop_at is None or self.count < order.stop_at or self._is_over or (order.is_cut and conn is None):
                return
            self._is_over = True
        frames = [one for one in traceback.extract_stack() if "/myi_pipelines/" in one.filename]
        place = " < ".join(f"{Path(one.filename).stem}:{one.lineno}" for one in reversed(frames[-4:]))
        Path(f"{order.output}.place").write_text(place)
        end = _cutting(conn, Path(f"{order.output}.cut")) if order.is_cut else _kill_itself
        if order.moment == 0:
            end()
        else:
            threading.Thread(
                target=_later, args=[order.moment * (seconds or order.step_seconds), end], daemon=True
            ).start()


def _kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _cutting(conn: Any, done: Path) -> Callable[[], None]:
    """Makes the network fail between a connection and its server, and leaves ``done``: what tries again may survive."""
    number = os.dup(conn.fileno())

    def cut() -> None:
        with socket.socket(fileno=number) as its:
            its.shutdown(socket.SHUT_RDWR)
        done.touch()

    return cut


def _later(seconds: float, end: Callable[[], None]) -> None:
    time.sleep(seconds)
    end()


def _heal() -> None:
    run_job(load_settings(), ForegroundRun(HEAL_USER_MONTHS, heal_config(), range_tags(MONTHS), "deriving"))


def _exchange() -> None:
    """Rebuild every month as a shadow partition, however small, as the assets do with big ones."""
    for name, value in always_exchange().items():
        setattr(rebuild, name, value)
    with open_exchanging_warehouse(os.environ["MYI_DATABASE_URL"]) as warehouse:
        users = [user_id for (user_id,) in warehouse.conn.execute("SELECT id FROM users")]
        chosen = [one for user_id in users for one in warehouse.user_months_of(user_id)]
        with warehouse.conn.transaction():
            user_months.invalidate(warehouse.conn, chosen, Stage.EVENTS)
        warehouse.settle(users)
        assert exchanges


def _work(order: Order) -> None:
    """Do what is ordered, in a process of its own, which ends here."""
    os.setsid()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    descriptor = os.open(order.output, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    steps, code = Steps(order), 0
    steps.watch()
    try:
        match order.command:
            case ["heal"]:
                _heal()
            case ["exchange"]:
                _exchange()
            case arguments:
                app(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except Exception as error:
        code = 1
        print(message_for_user(error) or traceback.format_exc())
    steps.count, count = sys.maxsize, steps.count
    sys.stdout.flush()
    Path(f"{order.output}.steps").write_text(str(count))
    os._exit(code)


def _end_of(pid: int) -> int:
    """The exit code of a process; negative: the signal that ended it."""
    deadline = time.monotonic() + SECONDS_AT_MOST
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HANGS


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _work(Order(**json.loads(line)))
        print(json.dumps([pid, _end_of(pid)]), flush=True)


if __name__ == "__main__":
    main()
