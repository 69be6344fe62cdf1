"""The simulated Spotify of the demo: how it is run, and whose accounts are linked to it for as long as it lives. The
real one is never asked, and accounts that are linked to it are left alone. Launches and draws nothing."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import redis
import requests

from myi_pipelines.demo.offer import LISTENERS, Offer
from myi_pipelines.ingest.spotify.app_settings import app_of, client_of
from myi_pipelines.ingest.spotify.encryption_key import TokenKeys
from myi_pipelines.ingest.spotify.login import LoginServices, begin_login, finish_login
from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.dagster_processes import Companion, Stack
from myi_pipelines.runtime.ports import HOST, free_port
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.simulator.control import Control
from myi_pipelines.simulator.listeners import make_listeners
from myi_pipelines.simulator.simulated_spotify import Setup
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.spotify_accounts import list_accounts, unlink

NAME = "Simulated Spotify"
CLIENT_ID = "demo"
SPEED = 20
BEHIND = timedelta(hours=4)
"""The simulated clock starts so long ago and runs fast until it has caught up: there is listening to watch. Fewer than
50 plays are over in that time, so that none leaves the window before the next poll."""
REDIS_DATABASE = 1
"""Of the embedded Redis, so that what the demo calls counts in no real app's quota."""


class SpotifyPlan(NamedTuple):
    """What stands for Spotify during the demo."""

    settings: Settings
    """For Dagster's processes: they ask the simulator, or nobody."""
    companions: tuple[Companion, ...]
    listeners: tuple[str, ...]
    """Whose accounts will be linked."""
    refusal: str | None = None
    """Why there is no simulated Spotify this time."""


def plan_spotify(conn: Connection, settings: Settings, offer: Offer) -> SpotifyPlan:
    """The simulator for the listeners whose history is the sample's.

    Where somebody's own account is linked there is no Spotify at all: the simulator would refuse its tokens, and it
    would take a login to get over that.
    """
    not_exports = [account.name for account in list_accounts(conn) if account.spotify_id not in simulated_ids()]
    refusal = None
    if not_exports:
        refusal = (
            f"{', '.join(not_exports)} linked a Spotify account of their own: the demo shows the import only; "
            "MYI_HOME=/tmp/demo MYI_UPLOADS=/tmp/demo/uploads keeps it apart and shows Spotify too"
        )
    elif not offer.listeners:
        refusal = "no listener's history is the sample's, so there is nobody to link to a simulated Spotify"
    if refusal is not None:
        return SpotifyPlan(settings.model_copy(update={"spotify_client_id": ""}), (), (), refusal)
    url = f"http://{HOST}:{free_port()}"
    changed = {"spotify_api_url": url, "spotify_accounts_url": url}
    changed |= {"spotify_client_id": CLIENT_ID, "spotify_client_secret": ""}
    if not settings.redis_url:
        changed["redis_url"] = embedded.redis_of(settings.home).url(REDIS_DATABASE)
    return SpotifyPlan(
        settings.model_copy(update=changed), (Companion(NAME, _simulator(url, offer.last_day)),), offer.listeners
    )


def _simulator(url: str, last_day: date) -> tuple[str, ...]:
    port = url.rpartition(":")[2]
    start = (datetime.now(UTC) - BEHIND).isoformat(timespec="seconds")
    arguments = ["--port", port, "--start", start, "--speed", str(SPEED), "--never-ahead"]
    return ("myi_pipelines.simulator", *arguments, "--history-end", last_day.isoformat(), "--listeners", str(LISTENERS))


def simulated_ids() -> set[str]:
    """The Spotify ids of the simulator's listeners: the same in every demo."""
    return {listener.spotify_id for listener in make_listeners(Setup().seed, LISTENERS)}


@contextmanager
def nobody_stays_linked(settings: Settings) -> Iterator[None]:
    """The simulator's tokens die with it, so its accounts are unlinked when the block ends.

    Before it begins as well: an earlier demo may have been killed.
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
                # When to poll next was said by a clock that nobody goes on with.
                conn.execute("DELETE FROM poll_states WHERE user_id = %s", [account.user_id])


def link_accounts(conn: Connection, plan: SpotifyPlan, stack: Stack) -> None:
    """Link every listener's account, as a browser would. Raises DagsterFailed when the simulator does not answer."""
    settings = plan.settings
    control = Control(settings.spotify_api_url)
    stack.wait_until(lambda: _answers(control), f"{NAME} does not answer at {control.url}")
    if settings.redis_url == embedded.redis_of(settings.home).url(REDIS_DATABASE):
        with closing(redis.Redis.from_url(settings.redis_url)) as limits:
            limits.flushdb()  # Another demo's calls were made to another simulator.
    app, keys = app_of(settings), TokenKeys.of_settings(settings)
    with client_of(settings) as client:
        services = LoginServices(app, client, keys)
        for name in plan.listeners:
            attempt = begin_login(app)
            finish_login(conn, services, attempt, control.approve(attempt.url, name), name=name)


def _answers(control: Control) -> bool:
    with suppress(requests.RequestException):
        control.now()
        return True
    return False


def calls_by_family(plan: SpotifyPlan) -> dict[str, int]:
    """The calls that the simulator's Web API got, by kind of endpoint, the most called first."""
    calls: dict[str, int] = {}
    for request in Control(plan.settings.spotify_api_url).requests("/v1"):
        group = request.group.replace("_", "-")
        calls[group] = calls.get(group, 0) + 1
    return dict(sorted(calls.items(), key=lambda one: -one[1]))
