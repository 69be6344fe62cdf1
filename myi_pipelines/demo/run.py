"""The order of the demo's steps, from the first line to the last. The other modules do the steps."""

import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from rich.console import Console

from myi_pipelines.demo.arrivals import Arrivals, load_user_arrivals
from myi_pipelines.demo.sample_upload import upload_sample
from myi_pipelines.demo.screen import Screen, describe_upload, next_steps, screen
from myi_pipelines.demo.simulated_accounts import (
    SpotifyPlan,
    calls_by_group,
    let_poll,
    link_accounts,
    no_simulated_account_stays_linked,
    plan_spotify,
    simulated_url,
)
from myi_pipelines.demo.summary import print_spotify
from myi_pipelines.demo.watch import Watch
from myi_pipelines.runtime.browser import open_browser
from myi_pipelines.runtime.dagster_processes import Stack, starting_dagster
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.runtime.stack import running_warehouse
from myi_pipelines.serving.access.links import make_link
from myi_pipelines.serving.report import load_report, render_report
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.polls import poll_states

SECONDS_BETWEEN_LOOKS = 5

Say = Callable[[str], None]


def run_demo(settings: Settings, *, plays: int, stay: bool, out: Console, err: Console, say: Say) -> None:
    """Let Dagster import the sample and ask a simulated Spotify, and print the report. With ``stay``, serve Dagster's
    UI until Ctrl-C, while its schedules continue to poll.

    The report goes to ``out``, progress to ``err`` and single lines to ``say``. Raises DemoFailed, LaunchFailed, the
    errors of a stack that does not start, and KeyboardInterrupt when Ctrl-C comes before the report. In every case it
    stops what it started and unlinks the simulated accounts.
    """
    with running_warehouse(settings, say), no_simulated_account_stays_linked(settings), _connect(settings) as conn:
        api_url = simulated_url()
        sample = upload_sample(conn, settings.uploads, plays=plays, api_url=api_url)
        spotify = plan_spotify(conn, settings, sample, api_url)
        for line in describe_upload(sample, settings.uploads):
            say(line)
        if spotify.refusal:
            say(spotify.refusal)
        since = time.time()
        with starting_dagster(spotify.settings, say, spotify.companions) as stack:
            with screen(err) as drawn:
                arrivals = _watch(Watch(conn, settings, stack, sample, since), conn, spotify, stack, drawn)
            render_report(load_report(conn, min_play_ms=settings.min_play_ms), out)
            if arrivals is not None:
                print_spotify(arrivals, calls_by_group(spotify), out)
            next_poll = None
            if arrivals is not None:
                let_poll(conn, spotify.users)
                next_poll = _next_poll(conn, spotify.settings)
            if stay:
                stack.wait_until_serving()
            link = settings.web_url + make_link(conn, None) if stay else None
            out.print(next_steps(settings, sample, link=link, next_poll=next_poll), soft_wrap=True)
            if link and err.is_terminal:
                open_browser(settings.web_url + make_link(conn, None))
            if stay:
                _serve(stack, conn, spotify, sample.last_day, say)


def _connect(settings: Settings) -> Connection:
    return connect(servers_of(settings).database_url, application_name="myi demo")


def _watch(watch: Watch, conn: Connection, spotify: SpotifyPlan, stack: Stack, drawn: Screen) -> Arrivals | None:
    """Show the progress until all is done. The result is what has come from Spotify."""
    for snapshot in watch.importing():
        drawn.show(snapshot)
    if not spotify.users:
        return None
    link_accounts(conn, spotify, stack)
    arrivals = None
    for snapshot in watch.asking_spotify(spotify.users):
        drawn.show(snapshot)
        arrivals = snapshot.arrivals
    return arrivals


def _next_poll(conn: Connection, settings: Settings) -> datetime | None:
    """The schedule's first tick at which a user is due."""
    due = min((state.next_poll_at for state in poll_states(conn) if state.next_poll_at), default=None)
    tick = 60 * settings.poll_minutes
    return due and datetime.fromtimestamp(math.ceil(due.timestamp() / tick) * tick, UTC)


def _serve(stack: Stack, conn: Connection, spotify: SpotifyPlan, last_day: date, say: Say) -> None:
    """Report new plays until Ctrl-C."""
    polled: dict[str, int] = {}
    looked = 0.0
    try:
        while True:
            stack.keep_running(say)
            if time.monotonic() - looked > SECONDS_BETWEEN_LOOKS:
                for user in load_user_arrivals(conn, spotify.users, last_day):
                    if new := user.polled_plays - polled.get(user.name, user.polled_plays):
                        plays = "play" if new == 1 else "plays"
                        say(f"{datetime.now(UTC).astimezone():%H:%M:%S} polled {user.name}: {new:,} new {plays}")
                    polled[user.name] = user.polled_plays
                looked = time.monotonic()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
