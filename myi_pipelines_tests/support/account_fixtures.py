"""A simulated Spotify, a warehouse and linked accounts on both sides, for tests of accounts and tokens.

`python -m ….support.account_fixtures of USER_ID` is what another process does: it reads the settings from its
environment, waits for a line on standard input and prints the digest of the access token that it received.
`… rotate` changes the key again and again until it is killed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from myi_pipelines.ingest.spotify.access_tokens import AccessTokens
from myi_pipelines.ingest.spotify.encryption_key import replace_key_file
from myi_pipelines.ingest.spotify.login import Linked, LoginServices, begin_login, finish_login
from myi_pipelines.runtime.token_keys import TokenKeys
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.simulator import Control, LoggedRequest, Setup, Simulator
from myi_pipelines.sources.spotify.client import SpotifyClient
from myi_pipelines.sources.spotify.oauth import App
from myi_pipelines.sources.spotify.rate_limits import Gate
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.spotify_accounts import Account

REDIRECT_URI = "http://127.0.0.1:3001/auth/callback"
CLIENT_ID = "client-of-the-harness"

Process: TypeAlias = subprocess.Popen[str]


@dataclass(frozen=True)
class Harness:
    """What a test of accounts needs, all of it real."""

    control: Control
    app: App
    client: SpotifyClient
    keys: TokenKeys
    key_file: Path
    conn: Connection
    database_url: str

    @property
    def services(self) -> LoginServices:
        return LoginServices(self.app, self.client, self.keys, now=self.control.now)

    def login(self, listener: str = "ada", name: str | None = None) -> Linked:
        """Link a listener's account, as in a browser."""
        attempt = begin_login(self.app)
        answer = self.control.approve(attempt.url, listener)
        return finish_login(self.conn, self.services, attempt, answer, name=name)

    def tokens(self, app: App | None = None) -> AccessTokens:
        """The tokens of another process: nothing is cached in memory."""
        return AccessTokens(self.database_url, app or self.app, self.keys, now=self.control.now)

    def refreshes(self) -> list[LoggedRequest]:
        """The requests to the token endpoint since the last ``clear_requests``."""
        return self.control.requests("/api/token")

    def other_listener(self, than: int) -> str:
        """A listener at Spotify who is not this user."""
        return next(one.name for one in self.control.users() if one.spotify_id != self.account(than).spotify_id)

    def account(self, user_id: int) -> Account:
        [found] = [one for one in spotify_accounts.list_accounts(self.conn) if one.user_id == user_id]
        return found

    def refresh_token(self, user_id: int) -> str:
        return self.keys.cipher().decrypt(
            spotify_accounts.stored_tokens(self.conn, user_id).refresh_token, user_id=user_id
        )


@contextmanager
def open_harness(database_url: str, redis_url: str, folder: Path, *, listeners: int = 2) -> Iterator[Harness]:
    """A harness whose key file is in ``folder``."""
    key_file = folder / "encryption.key"
    with (
        Simulator(Setup(users=listeners, client_id=CLIENT_ID)) as simulator,
        closing(Gate(redis_url, 10_000, 10_000)) as gate,
        closing(SpotifyClient(gate, simulator.url, timeout_seconds=5)) as client,
        connect(database_url) as conn,
    ):
        app = App(CLIENT_ID, REDIRECT_URI, accounts_url=simulator.url, timeout_seconds=5)
        yield Harness(simulator.control, app, client, TokenKeys("", key_file), key_file, conn, database_url)


def environment(harness: Harness, redis_url: str) -> dict[str, str]:
    """The settings for another process."""
    return {
        "MYI_HOME": str(harness.key_file.parent),
        "MYI_DATABASE_URL": harness.database_url,
        "MYI_REDIS_URL": redis_url,
        "MYI_SPOTIFY_CLIENT_ID": CLIENT_ID,
        "MYI_SPOTIFY_ACCOUNTS_URL": harness.app.accounts_url,
        "MYI_SPOTIFY_API_URL": harness.app.accounts_url,
    }


@contextmanager
def process(*arguments: str, env: dict[str, str]) -> Iterator[Process]:
    """Another process of this module. Killed at the end of the block. It says "ready" before it waits for its line."""
    command = [sys.executable, "-m", "myi_pipelines_tests.support.account_fixtures", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=PROJECT
    ) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n", started.stderr and started.stderr.read()
            yield started
        finally:
            started.kill()


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def main(action: str, *arguments: str) -> None:
    settings = load_settings()
    tokens = AccessTokens.of_settings(settings)
    print("ready", flush=True)
    sys.stdin.readline()
    if action == "of":
        print(digest(tokens.of(int(arguments[0]))))
    while action == "rotate":
        with connect(settings.database_url) as conn:
            replace_key_file(conn, settings.key_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
