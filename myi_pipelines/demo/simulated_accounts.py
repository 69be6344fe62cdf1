"""The simulated Spotify of the demo: how it runs, and the accounts that are linked to it while it runs.

The real Spotify is never asked. Accounts that are linked to it stay untouched.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import redis
import requests

from myi_pipelines.demo.failure import DemoFailed
from myi_pipelines.demo.sample_upload import USERS, SampleUpload
from myi_pipelines.ingest.spotify.app_settings import app_of, client_of
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.dagster_processes import Companion, Stack
from myi_pipelines.runtime.ports import HOST, free_port
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.settings import Settings
from myi_pipelines.simulator.control import Control, ControlRefused
from myi_pipelines.simulator.simulated_spotify import Setup
from myi_pipelines.simulator.simulated_users import make_users
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.poll_pacing import COOLDOWN
from myi_pipelines.warehouse.spotify_accounts import list_accounts, unlink

NAME = "Simulated Spotify"
CLIENT_ID = "demo"
CONTACT = "demo@myi.example"
"""What the simulated MusicBrainz is given: it lets nobody ask without a contact."""
SPEED = 20
BEHIND = timedelta(hours=4)
"""The simulated clock starts this long ago and runs fast until it reaches the real time, so that polls find new plays.
Fewer than 50 plays end in this time, so that every play is still in the window at the next poll."""
REDIS_DATABASE = 1
"""A database of the embedded Redis for the demo's calls, so that they use up no quota of a real app."""


class SpotifyPlan(NamedTuple):
    """What stands for Spotify during the demo."""

    settings: Settings
    """For Dagster's processes: they ask the simulator, or no Spotify at all."""
    companions: tuple[Companion, ...]
    users: tuple[str, ...]
    """The users whose accounts will be linked."""
    refusal: str | None = None
    """Why this demo runs no simulated Spotify."""


def simulated_url() -> str:
    """Where the simulated Spotify will be: on a port that is free now."""
    return f"http://{HOST}:{free_port()}"


def plan_spotify(conn: Connection, settings: Settings, sample: SampleUpload, url: str) -> SpotifyPlan:
    """Plan the simulator at ``url`` for the users whose history is the sample.

    There is no Spotify at all while a user's own account is linked: the simulator would refuse its tokens, and the user
    would have to log in again.
    """
    own_accounts = [account.name for account in list_accounts(conn) if account.spotify_id not in simulated_ids()]
    refusal = None
    if own_accounts:
        refusal = (
            f"{', '.join(own_accounts)} linked a Spotify account of their own: the demo shows the import only; "
            "without MYI_HOME it has a home of its own, and shows Spotify too"
        )
    elif not sample.users:
        refusal = "no listener's history is the sample, so no account is linked to a simulated Spotify"
    if refusal is not None:
        return SpotifyPlan(settings.model_copy(update={"spotify_client_id": ""}), (), (), refusal)
    changed: dict[str, object] = {"spotify_api_url": url, "spotify_accounts_url": url}
    changed |= {"spotify_client_id": CLIENT_ID, "spotify_client_secret": "", "poll_minutes": 1}
    changed |= {"musicbrainz_url": url, "musicbrainz_contact": CONTACT, "musicbrainz_calls_per_second": 50}
    if not settings.redis_url:
        changed["redis_url"] = embedded.redis_of(settings.home).url(REDIS_DATABASE)
    return SpotifyPlan(
        settings.model_copy(update=changed), (Companion(NAME, _simulator(url, sample.last_day)),), sample.users
    )


def _simulator(url: str, last_day: date) -> tuple[str, ...]:
    port = url.rpartition(":")[2]
    start = (datetime.now(UTC) - BEHIND).isoformat(timespec="seconds")
    arguments = ["--port", port, "--start", start, "--speed", str(SPEED), "--never-ahead"]
    return ("myi_pipelines.simulator", *arguments, "--history-end", last_day.isoformat(), "--users", str(USERS))


def simulated_ids() -> set[str]:
    """The Spotify ids of the simulated users: the same in every demo."""
    return {user.spotify_id for user in make_users(Setup().seed, USERS)}


@contextmanager
def no_simulated_account_stays_linked(settings: Settings) -> Iterator[None]:
    """Unlink the simulated accounts when the block ends: their tokens end with the simulator.

    Unlinks them before the block too: an earlier demo may have been killed.
    """
    _unlink(settings)
    try:
        yield
    finally:
        _unlink(settings)


def _unlink(settings: Settings) -> None:
    with connect(servers_of(settings).database_url, application_name="myi demo") as conn:
        ids = simulated_ids()
        for account in list_accounts(conn):
            if account.spotify_id in ids:
                unlink(conn, account.user_id)
                # The next poll's time came from the simulated clock, which has ended.
                conn.execute("DELETE FROM poll_states WHERE user_id = %s", [account.user_id])


def link_accounts(conn: Connection, plan: SpotifyPlan, stack: Stack) -> None:
    """Link every user's account, as a browser would. Raises DagsterFailed when the simulator does not answer, and
    DemoFailed when it refuses."""
    settings = plan.settings
    control = Control(settings.spotify_api_url)
    stack.wait_until(lambda: _answers(control), f"{NAME} does not answer at {control.url}")
    if settings.redis_url == embedded.redis_of(settings.home).url(REDIS_DATABASE):
        with closing(redis.Redis.from_url(settings.redis_url)) as limits:
            limits.flushdb()  # An earlier demo called another simulator.
    app, keys = app_of(settings), TokenKeys.of_settings(settings)
    with client_of(settings) as client:
        services = LoginServices(app, client, keys)
        for name in plan.users:
            attempt = begin_login(app)
            with _as_demo_failures():
                answer = control.approve(attempt.url, name)
            finish_login(conn, services, attempt, answer, name=name)


def let_poll(conn: Connection, users: Sequence[str]) -> None:
    """Let the schedule's next tick poll these users, whom the demo has just polled: new plays then come in a minute."""
    conn.execute(
        "UPDATE poll_states SET last_polled_at = last_polled_at - %(cooldown)s::interval, next_poll_at = now()"
        " FROM users WHERE users.id = user_id AND users.name = ANY (%(users)s)",
        {"cooldown": COOLDOWN, "users": list(users)},
    )


def _answers(control: Control) -> bool:
    with suppress(requests.RequestException):
        control.now()
        return True
    return False


def calls_by_group(plan: SpotifyPlan) -> dict[str, int]:
    """The calls that the simulator's Web API got, by group of endpoints, the most called first. Raises DemoFailed."""
    calls: dict[str, int] = {}
    with _as_demo_failures():
        logged = Control(plan.settings.spotify_api_url).requests("/v1")
    for request in logged:
        group = request.group.replace("_", "-")
        calls[group] = calls.get(group, 0) + 1
    return dict(sorted(calls.items(), key=lambda one: -one[1]))


@contextmanager
def _as_demo_failures() -> Iterator[None]:
    """Turn the simulator's own errors into errors for the user."""
    try:
        yield
    except (ControlRefused, requests.RequestException) as error:
        raise DemoFailed(f"the simulated Spotify refused a request or did not answer: {error}") from error
