"""``myi login``, ``accounts``, ``logout`` and ``rotate-key``: real processes, and a browser that is a script."""

import base64
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from myi_pipelines.settings import PROJECT
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines_tests.support.cli_fixtures import Myi

pytestmark = pytest.mark.slow

MYI = [sys.executable, "-c", "from myi_pipelines.cli import main; main()"]

# Before the listener answers, the browser asks for an icon, and an old tab comes back from an old login.
BROWSER = """#!{python}
import sys
import requests
from myi_pipelines.simulator import Control

requests.get("{base_url}/favicon.ico", timeout=5)
requests.get("{base_url}/auth/callback?code=1&state=of-yesterday", timeout=5)
answer = Control("{simulator}").approve(sys.argv[1], "{listener}", deny="{listener}" == "nobody")
assert requests.get(answer, timeout=5).status_code == 200
"""


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(Setup(users=2, client_id="my-client")) as running:
        monkeypatch.setenv("MYI_SPOTIFY_CLIENT_ID", "my-client")
        monkeypatch.setenv("MYI_SPOTIFY_ACCOUNTS_URL", running.url)
        monkeypatch.setenv("MYI_SPOTIFY_API_URL", running.url)
        yield running


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """Where Spotify sends the browser: a port that was free just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MYI_SPOTIFY_REDIRECT_URI", f"{url}/auth/callback")
    return url


@pytest.fixture
def browse(
    simulator: Simulator, base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """The user at the browser from now on; "nobody" denies."""
    script = tmp_path / "browser"
    monkeypatch.setenv("BROWSER", f"{script} %s &")

    def browsed_by(listener: str) -> None:
        script.write_text(
            BROWSER.format(python=sys.executable, base_url=base_url, simulator=simulator.url, listener=listener)
        )
        script.chmod(0o700)

    return browsed_by


Finished = subprocess.CompletedProcess[str]


def environment() -> dict[str, str]:
    """The settings of this process, and where the package is, which the tests do not need installed."""
    return {**os.environ, "PYTHONPATH": str(PROJECT)}


def login(*arguments: str) -> Finished:
    """``myi login`` in a process of its own, as the settings of this one say."""
    return subprocess.run(
        [*MYI, "login", "--timeout", "20", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
        stdin=subprocess.DEVNULL,
    )


def login_by_paste(answers: Callable[[str], list[str]]) -> Finished:
    """``myi login --paste``, and what a user pastes who was shown an address."""
    with subprocess.Popen(
        [*MYI, "login", "--paste", "--user", "anna"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        assert running.stdout is not None
        address = next((line.strip() for line in running.stdout if line.startswith("http")), "")
        stdout, stderr = running.communicate("\n".join(answers(address)) + "\n", timeout=60)
    return subprocess.CompletedProcess(running.args, running.returncode, stdout, stderr)


def first_listener(simulator: Simulator) -> str:
    return simulator.control.users()[0].name


def test_a_login_links_the_account_and_lists_it(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None], conn: psycopg.Connection
) -> None:
    assert "no Spotify account is linked yet" in myi("accounts").stderr
    conn.execute("INSERT INTO users (name, total_play_count) VALUES ('anna', 1234)")
    browse(first_listener(simulator))
    done = login("--user", "anna")
    assert (done.returncode, done.stdout.splitlines()[-1].startswith("linked anna")) == (0, True), done.stderr
    assert conn.execute("SELECT name, total_play_count FROM users WHERE spotify_id IS NOT NULL").fetchall() == [
        ("anna", 1234)
    ]
    line = myi("accounts").stdout.splitlines()[1]
    assert line.startswith("anna")
    assert "valid" in line
    assert simulator.control.requests("/api/token")[-1].status == 200
    assert myi("logout", "anna").stdout == "anna: unlinked; the history stays\n"
    assert myi("logout", "anna").stdout == "anna: no Spotify account is linked\n"
    assert conn.execute("SELECT total_play_count FROM users").fetchall() == [(1234,)]


def test_a_login_says_whom_it_makes_sets_the_time_zone_and_asks_before_histories_meet(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None], conn: psycopg.Connection
) -> None:
    assert "time zone 'Europe/Budapset' is not known" in login("--user", "anna", "--timezone", "Europe/Budapset").stderr
    first, second = (listener.name for listener in simulator.control.users())
    browse(first)
    done = login("--user", "anna", "--timezone", "Europe/Budapest")
    assert "anna is a new listener, whom this login makes" in done.stderr
    assert "UTC" not in done.stderr
    assert conn.execute("SELECT timezone FROM user_settings").fetchall() == [("Europe/Budapest",)]
    conn.execute("UPDATE users SET total_play_count = 5")
    myi("logout", "anna")

    browse(second)
    done = login("--user", "Anna", "--timezone", "Asia/Tokyo")
    assert (done.returncode, "history of another Spotify account" in done.stdout + done.stderr) == (1, True)
    assert "new listener" not in done.stderr
    assert done.stderr.splitlines()[-1] == "myi: nothing was changed"
    assert conn.execute("SELECT count(*) FROM spotify_auth").fetchone() == (0,)
    assert login("--user", "anna", "--yes").returncode == 0

    browse(first)
    done = login("--user", "bela", "--yes")
    assert (done.returncode, "there are: anna" in done.stderr, "days and hours are in UTC" in done.stderr) == (
        0,
        True,
        True,
    )


def test_a_denial_is_one_line_and_links_nothing(
    myi: Myi, browse: Callable[[str], None], conn: psycopg.Connection
) -> None:
    browse("nobody")
    done = login()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "myi: you did not allow it, so nothing was linked; run `myi login` to try again"
    )
    assert conn.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_nobody_at_the_browser_is_one_line(
    myi: Myi, simulator: Simulator, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "w3m")
    done = login("--timeout", "2")
    assert done.returncode == 1
    assert "no browser opened here" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "myi: Spotify did not answer within 2 seconds; run `myi login` again"
    )


def test_a_port_in_use_is_one_line(myi: Myi, simulator: Simulator, base_url: str) -> None:
    port = int(base_url.rpartition(":")[2])
    with closing(socket.create_server(("127.0.0.1", port))):
        done = login()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"myi: 127.0.0.1:{port}: Address already in use; ")
    assert done.stderr.count("\n") == 1


def test_without_a_browser_the_address_is_pasted(myi: Myi, simulator: Simulator, conn: psycopg.Connection) -> None:
    def answers(address: str) -> list[str]:
        right = simulator.control.approve(address, first_listener(simulator))
        wrong_state = "http://127.0.0.1:3001/auth/callback?code=1&state=of-yesterday"
        return ["", address, "hello", wrong_state, f'  "{right}"  ']

    done = login_by_paste(answers)
    assert (done.returncode, done.stdout.splitlines()[-1].startswith("linked anna")) == (0, True), done.stderr
    complaints = [line for line in done.stderr.splitlines() if line.startswith("myi: ")]
    assert [("another login" in line, "copy all of it" in line) for line in complaints] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert conn.execute("SELECT name FROM users").fetchall() == [("anna",)]


def test_a_pasted_denial_and_nothing_pasted_are_one_line(myi: Myi, simulator: Simulator) -> None:
    done = login_by_paste(lambda address: [simulator.control.approve(address, "nobody", deny=True)])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("myi: you did not allow it")
    done = login_by_paste(lambda address: [])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("myi: no answer of Spotify was pasted")


def test_where_nothing_can_listen_the_address_is_pasted(
    myi: Myi, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_SPOTIFY_REDIRECT_URI", "https://myi.example.org/auth/callback")
    done = login()
    assert done.returncode == 1
    assert "paste it here" in done.stderr


def test_an_app_that_is_missing_is_one_line(myi: Myi) -> None:
    result = myi("login")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "myi: MYI_SPOTIFY_CLIENT_ID is not set: make an app at https://developer.spotify.com"
    )
    assert "http://127.0.0.1:3001/auth/callback" in result.stderr


def test_a_key_that_cannot_be_used_is_found_out_before_anybody_agrees(
    myi: Myi, simulator: Simulator, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYI_ENCRYPTION_KEY", "my-secret-key")
    done = login()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("myi: MYI_ENCRYPTION_KEY: expected base64 of 32 bytes")
    assert "my-secret-key" not in done.stderr


def test_a_login_prints_neither_code_nor_verifier_nor_token(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None]
) -> None:
    browse(first_listener(simulator))
    done = login()
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    [address] = [line for line in shown.splitlines() if line.startswith("http")]
    long_words = [word for word in shown.replace(address, "").split() if len(word) > 60]
    assert long_words == []
    assert "code=" not in shown
    assert "code_verifier" not in shown


def test_the_end_of_an_authorization_is_warned_of(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None], conn: psycopg.Connection
) -> None:
    browse(first_listener(simulator))
    assert login("--user", "anna").returncode == 0
    conn.execute("UPDATE spotify_auth SET authorized_at = now() - interval '6 months' + interval '5 days 1 hour'")
    result = myi("accounts")
    assert "warning: anna: the Spotify authorization ends on" in result.stderr
    assert "`myi login --user anna` renews it" in result.stderr
    conn.execute("UPDATE spotify_auth SET is_valid = false, last_failure_reason = 'it was [red]revoked'")
    result = myi("accounts")
    assert "needs a login: it was [red]revoked" in result.stdout
    assert result.stderr == ""


def test_the_key_is_rotated(myi: Myi, simulator: Simulator, browse: Callable[[str], None], tmp_path: Path) -> None:
    browse(first_listener(simulator))
    assert login("--user", "anna").returncode == 0
    key_file = tmp_path / ".myi" / "encryption.key"
    before = key_file.read_text()
    assert myi("rotate-key").stdout == "1 account encrypted with the new key\n"
    assert key_file.read_text() != before


def test_an_account_whose_key_is_lost_is_not_called_valid_nor_green(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None], tmp_path: Path
) -> None:
    browse(first_listener(simulator))
    assert login("--user", "anna").returncode == 0
    assert " valid " in myi("accounts").stdout
    key_file = tmp_path / ".myi" / "encryption.key"
    key_file.unlink()
    assert "locked: the encryption key is missing" in myi("accounts").stdout
    [line] = [line for line in myi("status").stdout.splitlines() if "sync" in line]
    assert line.startswith("!")
    assert "anna is locked: the encryption key is missing" in line
    assert not key_file.exists()
    key_file.write_text(base64.b64encode(os.urandom(32)).decode())
    assert "encrypted with another key" in myi("accounts").stdout


def test_a_key_in_the_settings_is_taken_up_from_a_file(
    myi: Myi, simulator: Simulator, browse: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browse(first_listener(simulator))
    assert login("--user", "anna").returncode == 0
    key_file = tmp_path / ".myi" / "encryption.key"
    assert "--from is for a new key" in myi("rotate-key", "--from", str(key_file)).stderr
    monkeypatch.setenv("MYI_ENCRYPTION_KEY", base64.b64encode(os.urandom(32)).decode())
    result = myi("rotate-key")
    assert result.exit_code == 1
    assert "`myi rotate-key --from FILE`" in result.stderr
    assert myi("rotate-key", "--from", str(key_file)).stdout == "1 account encrypted with the new key\n"


@pytest.mark.parametrize("command", ["login", "logout", "accounts", "rotate-key"])
def test_the_commands_explain_themselves(myi: Myi, command: str) -> None:
    assert "Usage" in myi(command, "--help").stdout


def test_a_logout_of_a_stranger_is_one_line(myi: Myi) -> None:
    result = myi("logout", "bob")
    assert (result.exit_code, result.stderr) == (1, "myi: no user is named 'bob'; no history was imported yet\n")
