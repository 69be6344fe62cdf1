"""The stage of the soak: a simulated Spotify, a Redis and workers that can be stopped and killed, the listeners who log
in again, and time that passes for all of them. What goes wrong when is ``soak_troubles``' business."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from redis import Redis

from myi_pipelines.ingest.spotify.login import LoginFailed, LoginServices, begin_login, finish_login
from myi_pipelines.runtime.embedded.redis import RedisServer
from myi_pipelines.settings import PROJECT
from myi_pipelines.simulator import Control, Simulator
from myi_pipelines.sources.spotify.api_errors import SpotifyError
from myi_pipelines.warehouse.spotify_accounts import linked_users
from myi_pipelines_tests.support.soak.worker import Hands, Setup, described, open_hands, order

ANSWERS_WITHIN = 120

#: Time that passes for Redis too: what was to live on for a while lives on for that much less.
AGE = """
local step = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key)
    if left > step then redis.call('PEXPIRE', key, left - step) elseif left >= 0 then redis.call('DEL', key) end
end
"""


@dataclass
class Worker:
    """A process that does what it is told, or is killed at it."""

    process: subprocess.Popen[str]
    log: Path

    def begin(self, now: datetime, tasks: Sequence[str]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(order(now, tasks) + "\n")
        self.process.stdin.flush()

    def ready(self) -> None:
        assert self._line() == "ready"

    def answer(self) -> dict[str, Any]:
        """What came of the order. A worker that dies by itself is a failure of the test."""
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def kill(self) -> bool:
        """Whether the kill came before it was done."""
        self.process.kill()
        said, _ = self.process.communicate(timeout=ANSWERS_WITHIN)
        return not said.strip()

    def _line(self) -> str:
        assert self.process.stdout is not None
        answered, _, _ = select.select([self.process.stdout], [], [], ANSWERS_WITHIN)
        line = self.process.stdout.readline().strip() if answered else ""
        assert line, f"a worker died or hangs; the end of its log:\n{self.log.read_text()[-4000:]}"
        return line


@dataclass
class Stage:
    simulator: Simulator
    redis: RedisServer
    folder: Path
    redis_client: Redis
    hands: Hands
    chance: Random
    workers: list[Worker] = field(default_factory=list)
    spare: Worker | None = None
    started: int = 0
    user_ids: dict[str, int] = field(default_factory=dict)
    logs_in_at: dict[str, datetime] = field(default_factory=dict)
    logins: Counter[str] = field(default_factory=Counter)
    polls: list[tuple[datetime, str, str | None]] = field(default_factory=list)
    """When, of whom, and why there was no page."""
    interrupted: list[datetime] = field(default_factory=list)
    """When a worker was killed before it was done."""
    limits: list[int] = field(default_factory=list)
    """Faults that last until they are cleared."""
    seconds: dict[tuple[str, ...], float] = field(default_factory=lambda: defaultdict(lambda: 0.1))
    """How long the same tasks took of late."""
    is_up: bool = True
    """Whether the simulated Spotify answers."""

    @property
    def control(self) -> Control:
        return self.simulator.control

    @property
    def now(self) -> datetime:
        return self.hands.now

    @property
    def redis_is_away(self) -> bool:
        return self.redis.pid() is None

    # Time

    def pass_time(self, step: timedelta) -> None:
        clock = self.simulator.spotify.clock
        clock.advance(step)
        self.hands.clock[0] = clock.now()
        if not self.redis_is_away:
            self.redis_client.eval(AGE, 0, step // timedelta(milliseconds=1))

    # Listeners

    def log_in(self, name: str) -> bool:
        """As somebody at a browser would. False when something is in the way."""
        hands = self.hands
        attempt = begin_login(hands.app)
        try:
            answer = self.control.approve(attempt.url, name)
            services = LoginServices(hands.app, hands.client, hands.keys, now=lambda: hands.now)
            linked = finish_login(hands.conn, services, attempt, answer, name=name)
        except (LoginFailed, SpotifyError):
            return False
        self.user_ids[name] = linked.user_id
        self.logins[name] += 1
        return True

    def log_in_again(self) -> None:
        """Whose account needs a login gets to it within two hours."""
        if not self.is_up:
            return
        linked = {user.name for user in linked_users(self.hands.conn)}
        for name in self.user_ids.keys() - linked:
            due = self.logs_in_at.setdefault(name, self.now + timedelta(hours=self.chance.uniform(0, 2)))
            if due <= self.now and self.log_in(name):
                del self.logs_in_at[name]

    # Workers

    def start_worker(self) -> Worker:
        self.started += 1
        log = self.folder / f"worker-{self.started}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "myi_pipelines_tests.support.soak.worker", described(self.hands.setup),
                 self.now.isoformat()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=PROJECT,
            )  # fmt: skip
        return Worker(process, log)

    def hire(self, number: int) -> None:
        """So many workers, and one who is about to be ready when another is killed."""
        self.workers = [self.start_worker() for _ in range(number)]
        self.spare = self.start_worker()
        for worker in self.workers:
            worker.ready()

    def work(self, tasks: Sequence[str], *, hands: int = 1, killable: int | None = None) -> None:
        """Have some workers do the same at once; one of them may be killed before it is done."""
        self.workers = self.workers[1:] + self.workers[:1]
        at_work = self.workers[:hands]
        began = time.monotonic()
        for worker in at_work:
            worker.begin(self.now, tasks)
        if killable is not None:
            time.sleep(self.chance.random() * self.seconds[tuple(tasks)])
            if at_work[killable].kill():
                self.interrupted.append(self.now)
        for place, worker in enumerate(at_work):
            if place != killable:
                for user, error in worker.answer().get("poll", ()):
                    self.polls.append((self.now, user, error))
        if killable is None:
            self.seconds[tuple(tasks)] = time.monotonic() - began
        else:
            assert self.spare is not None
            self.workers[killable], self.spare = self.spare, self.start_worker()
            self.workers[killable].ready()

    def dismiss(self) -> None:
        for worker in [*self.workers, *([self.spare] if self.spare else [])]:
            worker.process.kill()
            worker.process.communicate()

    @property
    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("worker-*.log"))


@contextmanager
def open_stage(simulator: Simulator, database_url: str, folder: Path, chance: Random) -> Iterator[Stage]:
    """A Redis of its own, which keeps what it knows when it is restarted; nobody is linked, no worker hired yet."""
    server = RedisServer(folder / "redis")
    server.start()
    setup = Setup(simulator.url, database_url, server.url(), str(folder / "encryption.key"))
    try:
        with (
            Redis.from_url(server.url()) as client,
            open_hands(setup, simulator.spotify.clock.now()) as hands,
        ):
            stage = Stage(simulator, server, folder, client, hands, chance)
            try:
                yield stage
            finally:
                stage.dismiss()
    finally:
        server.stop()
