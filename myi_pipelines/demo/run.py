"""The demo from its first line to its last: what happens when. How each step is done is said in the other modules."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from myi_pipelines.demo.arrivals import Arrivals, load_from_spotify
from myi_pipelines.demo.linked_listeners import (
    SpotifyPlan,
    calls_by_family,
    link_accounts,
    nobody_stays_linked,
    plan_spotify,
)
from myi_pipelines.demo.offer import offer_sample
from myi_pipelines.demo.screen import Screen, next_steps, offered, screen
from myi_pipelines.demo.summary import print_spotify
from myi_pipelines.demo.watch import Watch
from myi_pipelines.runtime.dagster_processes import Stack, starting_dagster
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.runtime.stack import running_warehouse
from myi_pipelines.serving.report import load_report, render_report
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.polls import poll_states

SECONDS_BETWEEN_LOOKS = 5

Say = Callable[[str], None]


def run_demo(settings: Settings, *, plays: int, stay: bool, out: Console, err: Console, say: Say) -> None:
    """Have the sample imported and a simulated Spotify asked, print the report, and with ``stay`` serve Dagster's UI,
    whose schedules go on polling, until Ctrl-C.

    The report goes to ``out``, progress to ``err`` and plain remarks to ``say``. Raises DemoFailed, LaunchFailed,
    whatever keeps the stack from starting, and KeyboardInterrupt when Ctrl-C comes before the report; all that was
    started is stopped, and nobody stays linked to the simulator.
    """
    with running_warehouse(settings, say), nobody_stays_linked(settings), _connect(settings) as conn:
        offer = offer_sample(conn, settings.uploads, plays=plays)
        spotify = plan_spotify(conn, settings, offer)
        for line in offered(offer, settings.uploads):
            say(line)
        if spotify.refusal:
            say(spotify.refusal)
        since = time.time()
        with starting_dagster(spotify.settings, say, spotify.companions) as stack:
            with screen(err) as drawn:
                arrivals = _watch(Watch(conn, settings, stack, offer, since), conn, spotify, stack, drawn)
            render_report(load_report(conn), out)
            if arrivals is not None:
                print_spotify(arrivals, calls_by_family(spotify), out)
            next_poll = _next_poll(conn, settings) if arrivals is not None else None
            out.print(next_steps(settings, offer, is_serving=stay, next_poll=next_poll))
            if stay:
                _serve(stack, conn, spotify, say)


def _connect(settings: Settings) -> Connection:
    return connect(servers_of(settings).database_url, application_name="myi demo")


def _watch(watch: Watch, conn: Connection, spotify: SpotifyPlan, stack: Stack, drawn: Screen) -> Arrivals | None:
    """Look on until all is done; what Spotify told."""
    for moment in watch.importing():
        drawn.show(moment)
    if not spotify.listeners:
        return None
    link_accounts(conn, spotify, stack)
    arrivals = None
    for moment in watch.asking_spotify(spotify.listeners):
        drawn.show(moment)
        arrivals = moment.arrivals
    return arrivals


def _next_poll(conn: Connection, settings: Settings) -> datetime | None:
    """The schedule's first tick at which somebody is due."""
    due = min((state.next_poll_at for state in poll_states(conn) if state.next_poll_at), default=None)
    tick = 60 * settings.poll_minutes
    return due and datetime.fromtimestamp(math.ceil(due.timestamp() / tick) * tick, UTC)


def _serve(stack: Stack, conn: Connection, spotify: SpotifyPlan, say: Say) -> None:
    """Until Ctrl-C, say what polls add."""
    polled: dict[str, int] = {}
    looked = 0.0
    try:
        while True:
            stack.raise_if_ended()
            if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                for one in load_from_spotify(conn, spotify.listeners):
                    if new := one.polled_plays - polled.get(one.name, one.polled_plays):
                        plays = "play" if new == 1 else "plays"
                        say(f"{datetime.now(UTC).astimezone():%H:%M:%S} polled {one.name}: {new:,} new {plays}")
                    polled[one.name] = one.polled_plays
                looked = time.monotonic()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
