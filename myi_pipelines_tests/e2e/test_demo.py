"""``myi demo --exit`` from an empty folder to the report, with the servers, the daemon, the sensor and the simulated
Spotify that users have."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from myi_pipelines.demo.arrivals import Arrivals, UserArrivals
from myi_pipelines.demo.failure import DemoFailed
from myi_pipelines.demo.home import demo_settings
from myi_pipelines.demo.sample_upload import SampleUpload, sample_ends
from myi_pipelines.demo.simulated_accounts import (
    SpotifyPlan,
    calls_by_group,
    let_poll,
    no_simulated_account_stays_linked,
    plan_spotify,
    simulated_ids,
    simulated_url,
)
from myi_pipelines.demo.summary import print_spotify
from myi_pipelines.runtime import embedded
from myi_pipelines.runtime.embedded.processes import wait_until
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.simulator.world import build_world
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.polls import due_users
from myi_pipelines.warehouse.spotify_accounts import Authorization, link_account, list_accounts, save_authorization

SECONDS = 300
USERS = ("ada", "bela", "chandra")


DEMO = [sys.executable, "-c", "from myi_pipelines.cli import main; main()", "demo"]


def environment(folder: Path, port: int, **changes: str) -> dict[str, str]:
    own = {"MYI_HOME": str(folder / "home"), "MYI_UPLOADS": str(folder / "uploads"), "MYI_PORT": str(port)}
    own |= {"MYI_WEB_PORT": str(free_port()), **changes}
    return {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))} | own


def demo(folder: Path, port: int, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, "--exit", "--plays", "2000"],
        env=environment(folder, port, **changes),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_terminal_shortens_only_long_names(width: int) -> None:
    track, artist = "Letter – Live at the Cistern and far beyond the hills", "Small Hours Society of the South Bank"
    user = UserArrivals("chandra", "Chandra", 50, track, "Blue Cistern Orchestra of the North", artist)
    printed = StringIO()
    print_spotify(Arrivals((user,), (), ()), {"me": 1}, Console(width=width, file=printed))
    [title, line] = (one for one in printed.getvalue().splitlines() if "polled" in one or "chandra" in one)
    assert title.split()[:5] == ["linked", "polled", "top", "track", "of"]
    assert line.split()[:3] == ["chandra", "50", "plays"]
    assert "Letter – Live a" in line
    assert "Small Hours Soc" in line


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(folder: Path) -> list[list[str]]:
    """The commands of the processes that name the folder, in their command or their environment."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        try:
            home = process.environ().get("MYI_HOME", "")
        except psutil.Error:
            home = ""
        if home.startswith(str(folder)) or any(str(folder) in word for word in words):
            found.append(words)
    return found


@contextmanager
def warehouse_of(folder: Path) -> Iterator[Connection]:
    cluster = embedded.postgres_of(folder / "home")
    cluster.start()
    try:
        with connect(cluster.url(embedded.WAREHOUSE_DATABASE)) as conn:
            yield conn
    finally:
        cluster.stop()


def assert_spotify_came(conn: Connection) -> None:
    for name, polled, events in conn.execute(
        "SELECT users.name, count(polled.user_id), count(event.id) FROM users"
        " LEFT JOIN polled_plays AS polled ON polled.user_id = users.id AND polled.played_at >= %s"
        " LEFT JOIN listening_events AS event ON event.user_id = users.id AND event.played_at = polled.played_at"
        " AND event.source = 'API' GROUP BY 1",
        [last_day_of_sample() + timedelta(days=1)],
    ):
        assert polled >= 50, name
        assert events == polled, name
    for table in ("spotify_top_tracks", "spotify_top_artists"):
        listed = conn.execute(f"SELECT user_id, term FROM {table} WHERE rank = 1").fetchall()
        assert len(set(listed)) == 9
    full_objects: dict[str, int] = dict(
        conn.execute("SELECT object_type, count(*) FROM spotify_objects WHERE is_full GROUP BY 1").fetchall()
    )
    assert full_objects["track"] >= 150
    assert full_objects["album"] > 0
    assert full_objects["artist"] > 0
    assert conn.execute("SELECT count(*) > 10 FROM artists WHERE genres <> '{}'").fetchone() == (True,), "MusicBrainz"
    assert list_accounts(conn) == []
    assert conn.execute("SELECT count(*) FROM invalidated_user_months").fetchone() == (0,)
    assert invariants.check(conn) == []


@pytest.mark.long
@pytest.mark.parametrize("again", [False, pytest.param(True, marks=pytest.mark.thorough)], ids=["once", "twice"])
def test_the_demo_imports_its_sample_asks_spotify_and_reports(tmp_path: Path, again: bool) -> None:
    nowhere = {"MYI_SPOTIFY_API_URL": "http://127.0.0.1:9", "MYI_SPOTIFY_CLIENT_ID": "a-real-app"}
    first = demo(tmp_path, free_port(), **nowhere)
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stdout + first.stderr
    for user in USERS:
        assert user in first.stdout
        assert list((tmp_path / "uploads" / user / "imported").glob("*.zip"))
        assert not list((tmp_path / "uploads" / user).glob("*.zip"))
        assert not (tmp_path / "uploads" / user / "failed").exists()
        assert f"polled {user}: 50 plays" in first.stderr
    assert "Top songs" in first.stdout
    assert "top track of four weeks" in first.stdout
    assert processes_of(tmp_path) == []
    with warehouse_of(tmp_path) as conn:
        assert_spotify_came(conn)
        world = build_world(end=last_day_of_sample())
        polled = {spotify_id for (spotify_id,) in conn.execute("SELECT spotify_id FROM polled_plays")}
        assert polled <= world.tracks.keys() | world.aliases.keys()
        full = payload_tracks(conn)
    if again:
        assert_a_second_demo_goes_on(tmp_path, full)


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["SIGINT", "no reader"])
def test_whatever_ends_the_demo_ends_its_simulator_too(tmp_path: Path, how: str) -> None:
    with subprocess.Popen(
        [*DEMO, "--plays", "300"],
        env=environment(tmp_path, free_port()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        assert running.stdout is not None
        try:
            wait_until(lambda: running.poll() is not None or simulators_of(tmp_path) != [], seconds=SECONDS)
            assert running.poll() is None, running.communicate()[0].decode()
            assert simulators_of(tmp_path) != []
            if how == "SIGINT":
                running.send_signal(signal.SIGINT)
                said = running.communicate(timeout=120)[0].decode()
                assert "interrupted; the next `myi demo` goes on from here" in said
            else:
                running.stdout.close()  # as when what reads both streams has ended: the next line finds nobody
                running.wait(timeout=SECONDS)
        finally:
            running.kill()
    assert wait_until(lambda: processes_of(tmp_path) == [], seconds=20), processes_of(tmp_path)


def simulators_of(folder: Path) -> list[list[str]]:
    return [words for words in processes_of(folder) if "myi_pipelines.simulator" in words]


def assert_a_second_demo_goes_on(tmp_path: Path, full: int) -> None:
    second = demo(tmp_path, free_port())
    assert second.returncode == 0, second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert "the sample is imported already" in second.stderr
    assert "top track of four weeks" in second.stdout
    assert processes_of(tmp_path) == []
    with warehouse_of(tmp_path) as conn:
        assert_spotify_came(conn)
        assert payload_tracks(conn) > full
        assert conn.execute("SELECT status::text, count(*) FROM import_jobs GROUP BY 1").fetchall() == [
            ("COMPLETED", 7)
        ]


def payload_tracks(conn: Connection) -> int:
    return int(fetch_scalar(conn, "SELECT count(*) FROM spotify_objects WHERE object_type = 'track' AND is_full"))


def last_day_of_sample() -> date:
    return sample_ends(datetime.now(UTC))


@pytest.mark.parametrize(
    ("on", "ends"),
    [((2026, 12, 1), (2026, 10, 31)), ((2026, 12, 14), (2026, 10, 31)), ((2026, 12, 15), (2026, 11, 30))],
)
def test_the_sample_leaves_two_weeks_for_polls_to_show(on: tuple[int, int, int], ends: tuple[int, int, int]) -> None:
    """On the first of a month polls showed what was played since midnight."""
    assert sample_ends(datetime(*on, 4, tzinfo=UTC)) == date(*ends)


# The accounts that the demo links


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings(
        home=tmp_path,
        database_url=database_url,
        redis_url="",
        spotify_client_id="a-real-app",
        spotify_client_secret="s",
    )


def a_sample(*namesakes: str) -> SampleUpload:
    return SampleUpload((), (), namesakes, frozenset(), date(2025, 12, 31))


def link(conn: Connection, name: str, spotify_id: str) -> None:
    user = link_account(conn, name=name, spotify_id=spotify_id, account_id=None, display_name=None)
    now = datetime.now(UTC)
    save_authorization(conn, user.user_id, Authorization(b"kept", b"kept", now, scopes=[]), now)


def test_the_demo_asks_its_simulator_and_not_the_spotify_of_the_settings(conn: Connection, settings: Settings) -> None:
    plan = plan_spotify(conn, settings, a_sample("bela"), simulated_url())
    assert plan.users == ("ada", "chandra")
    assert plan.settings.spotify_api_url == plan.settings.spotify_accounts_url
    assert plan.settings.spotify_api_url.startswith("http://127.0.0.1:")
    assert (plan.settings.spotify_client_id, plan.settings.spotify_client_secret) == ("demo", "")
    assert plan.settings.redis_url != embedded.redis_of(settings.home).url()
    [simulator] = plan.companions
    assert "2025-12-31" in simulator.arguments


def test_the_demo_has_a_home_and_servers_of_its_own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo_settings(settings) == settings, "the user said where"
    monkeypatch.setenv("MYI_DATABASE_URL", "postgresql://elsewhere/history")
    monkeypatch.setenv("MYI_ARCHIVE_URL", "/archive")
    monkeypatch.setenv("MYI_PORT", "4321")
    monkeypatch.delenv("MYI_HOME", raising=False)
    usual = load_settings()
    own = demo_settings(usual)
    assert own.home == usual.home.with_name(".myi-demo")
    assert own.uploads == own.home / "uploads"
    assert (own.database_url, own.archive_url, own.port) == ("", "", 4321)


def test_the_schedule_polls_the_demos_users_at_its_next_tick(conn: Connection, settings: Settings) -> None:
    link(conn, "ada", min(simulated_ids()))
    conn.execute(
        "INSERT INTO poll_states (user_id, last_polled_at, next_poll_at)"
        " SELECT id, now(), now() + interval '1 h' FROM users"
    )
    assert due_users(conn, datetime.now(UTC)) == []
    let_poll(conn, ["ada"])
    assert [user.name for user in due_users(conn, datetime.now(UTC))] == ["ada"]
    assert plan_spotify(conn, settings, a_sample(), simulated_url()).settings.poll_minutes == 1


def test_the_demo_runs_no_simulator_while_a_real_account_is_linked(conn: Connection, settings: Settings) -> None:
    link(conn, "anna", "anna-on-spotify")
    plan = plan_spotify(conn, settings, a_sample(), simulated_url())
    assert (plan.companions, plan.users) == ((), ())
    assert plan.settings.spotify_client_id == ""
    assert "anna" in (plan.refusal or "")


def test_the_next_demo_unlinks_accounts_that_a_killed_demo_left_linked(conn: Connection, settings: Settings) -> None:
    link(conn, "anna", "anna-on-spotify")
    link(conn, "ada", min(simulated_ids()))
    with no_simulated_account_stays_linked(settings):
        assert [account.name for account in list_accounts(conn)] == ["anna"]
        link(conn, "ada", min(simulated_ids()))
    assert [account.name for account in list_accounts(conn)] == ["anna"]


def test_users_with_another_history_than_the_sample_are_not_linked(conn: Connection, settings: Settings) -> None:
    plan = plan_spotify(conn, settings, a_sample(*USERS), simulated_url())
    assert plan.companions == ()
    assert "no account is linked" in (plan.refusal or "")


def test_a_simulator_that_refuses_or_is_gone_ends_the_demo_with_its_own_error(settings: Settings) -> None:
    with Simulator(Setup(users=1)) as simulator:
        plan = SpotifyPlan(settings.model_copy(update={"spotify_api_url": simulator.url}), (), ())
        assert calls_by_group(plan) == {}
    with pytest.raises(DemoFailed, match="the simulated Spotify"):
        calls_by_group(plan)
