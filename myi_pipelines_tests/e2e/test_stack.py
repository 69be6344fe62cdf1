import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from liblistenbrainz import Listen, ListenBrainz

from myi_pipelines.orchestration.instance.dagster_internals import can_cancel
from myi_pipelines.orchestration.instance.graphql_client import Launch, launch, runs_since
from myi_pipelines.runtime import servers
from myi_pipelines.runtime.dagster_processes import CODE_SERVER, RESTARTS, answers, pages_answer
from myi_pipelines.runtime.embedded.processes import wait_until
from myi_pipelines.runtime.ports import PortInUse, PortsEqual, require_free_port
from myi_pipelines.runtime.stack import end_killed_stack, running_stack, running_warehouse
from myi_pipelines.runtime.stack_state import AlreadyUp, owner_of
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.settings import PROJECT, Settings, load_settings
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.users import known_or_new_user
from myi_pipelines_tests.support.export_rows import as_json, extended

WAITING_JOB = """
@dg.op
def wait() -> None:
    import time
    from pathlib import Path

    while not Path({path!r}).exists():
        time.sleep(0.1)


@dg.job(description="Waits.", executor_def=dg.in_process_executor)
def waiting() -> None:
    wait()


defs = dg.Definitions.merge(build_defs(), dg.Definitions(jobs=[waiting]))
"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "myi") { __typename } }'
LOCATION = """
{
  workspaceOrError {
    ... on Workspace {
      locationEntries {
        locationOrLoadError {
          ... on RepositoryLocation { repositories { jobs { description } } }
          ... on PythonError { causes { message } }
        }
      }
    }
  }
}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with socket.socket() as probe, socket.socket() as other:
        probe.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, web_port = probe.getsockname()[1], other.getsockname()[1]
    made = load_settings(home=tmp_path / "home", uploads=tmp_path / "uploads", port=port, web_port=web_port)
    yield made
    end_killed_stack(made)
    servers.stop_servers(made)


def test_a_port_in_use_is_one_line_that_names_the_process(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        with pytest.raises(PortInUse) as caught:
            require_free_port(settings.port)
        assert f"(pid {os.getpid()})" in str(caught.value)
        assert f"MYI_PORT={settings.port + 10}" in str(caught.value)
        with pytest.raises(PortInUse), running_stack(settings):
            pass
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())


def test_one_port_for_both_servers_is_refused_before_anything_starts(settings: Settings) -> None:
    with (
        pytest.raises(PortsEqual, match=r"^MYI_PORT and MYI_WEB_PORT are both \d+: give one of them another port$"),
        running_stack(settings.model_copy(update={"web_port": settings.port})),
    ):
        pass
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())


def test_a_server_that_ran_before_stays_up_and_that_is_said(settings: Settings) -> None:
    servers.start_servers(settings, [servers.REDIS])
    said: list[str] = []
    with running_warehouse(settings, said.append):
        pass
    running = {name for name, server in servers.embedded_servers(settings).items() if server.pid() is not None}
    assert running == {servers.REDIS}
    assert said[-2:] == [
        "stopped PostgreSQL",
        "Redis ran before, and stays up; `myi services stop` stops what is running",
    ]


def test_a_second_stack_in_one_home_is_refused(settings: Settings) -> None:
    settings.home.mkdir()
    assert owner_of(settings) is None
    with (
        FileLock(settings.home / "stack.lock"),
        pytest.raises(AlreadyUp, match="already runs"),
        running_stack(settings),
    ):
        pass


@pytest.mark.thorough
def test_definitions_that_do_not_load_end_the_start_with_a_line_that_names_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myi_pipelines.runtime.dagster_processes.DEFINITIONS", "no_such_module")
    with (
        pytest.raises(Exception, match=r"Code server ended by itself .*no_such_module.*code-server\.log"),
        running_stack(settings),
    ):
        pass
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())


class Up:
    """``myi up`` in a process of its own."""

    def __init__(self, settings: Settings, project: Path = PROJECT) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYI_", "DAGSTER_"))}
        environment |= {"MYI_HOME": str(settings.home), "MYI_UPLOADS": str(settings.uploads)}
        environment |= {"MYI_PORT": str(settings.port), "MYI_WEB_PORT": str(settings.web_port)}
        environment |= {"PYTHONPATH": str(project), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from myi_pipelines.cli import main; main()", "up"],
            cwd=settings.uploads.parent,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_up(self) -> list[str]:
        """What it said until it was up."""
        said: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line.strip())
            if line.startswith("Dagster's UI"):  # the last
                return said
        pytest.fail("\n".join(said))

    def group(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=90)[0]


@pytest.mark.long
def test_up_serves_takes_over_from_a_killed_one_and_stops_all_it_started(settings: Settings) -> None:
    killed = Up(settings)
    said = killed.wait_until_up()
    assert said[-2].startswith(f"MYI is up: {settings.web_url} ")
    assert said[-1].startswith(f"Dagster's UI: {settings.ui_url}/")
    assert answers(settings.ui_url)
    assert pages_answer(settings.web_url)
    assert owner_of(settings) == killed.process.pid

    second = Up(settings)
    assert "already runs" in second.process.communicate(timeout=60)[0]
    assert second.process.returncode == 1

    guardian, *orphans = sorted(killed.group(), key=lambda one: "guardian" not in " ".join(one.cmdline()))
    assert len(orphans) == 4
    guardian.kill()
    killed.end(signal.SIGKILL)
    assert all(orphan.is_running() for orphan in orphans)

    heir = Up(settings)
    heir.wait_until_up()
    assert not any(_lives(orphan) for orphan in orphans)
    group = heir.group()
    assert len(group) == 5
    assert "stopped" in heir.end(signal.SIGINT)
    assert heir.process.returncode == 0
    assert not any(_lives(process) for process in group)
    assert not answers(settings.ui_url)
    assert not pages_answer(settings.web_url)
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())


@pytest.mark.long
def test_whatever_ends_up_everything_ends(settings: Settings) -> None:
    ended = Up(settings)
    ended.wait_until_up()
    group = ended.group()
    ended.end(signal.SIGKILL)
    assert not any(_lives(process, seconds=120) for process in group)
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())

    unread = Up(settings)
    unread.wait_until_up()
    group = unread.group()
    assert unread.process.stdout is not None
    unread.process.stdout.close()  # as when Ctrl-C ends the `tee` that both streams go to
    unread.process.send_signal(signal.SIGINT)
    unread.process.wait(timeout=90)
    assert not any(_lives(process) for process in group)
    assert all(server.pid() is None for server in servers.embedded_servers(settings).values())


@pytest.mark.long
@pytest.mark.thorough
def test_a_webserver_that_dies_again_and_again_is_named_with_its_own_log(settings: Settings) -> None:
    up = Up(settings)
    up.wait_until_up()
    killed = [_webserver(up)]
    killed[0].kill()
    for _ in range(RESTARTS):
        assert wait_until(lambda: not _lives(killed[-1], seconds=0) and answers(settings.ui_url), seconds=60)
        killed.append(_webserver(up))
        killed[-1].kill()
    said = up.process.communicate(timeout=90)[0]
    assert len({one.pid for one in killed}) == 1 + RESTARTS
    ending = f"Webserver ended by itself (SIGKILL); see {settings.logs / 'webserver.log'}"
    assert said.count(f"{ending}; starting it again\n") == RESTARTS
    assert f"myi: {ending}\n" in said
    assert up.process.returncode == 1


@pytest.mark.thorough
def test_a_code_server_and_a_daemon_that_die_are_started_again_and_imports_go_on(settings: Settings) -> None:
    up = Up(settings)
    up.wait_until_up()
    for killed in [one for one in up.group() if CODE_SERVER in one.cmdline() or "daemon" in one.cmdline()]:
        killed.kill()
        assert not _lives(killed, seconds=30)
    settings.uploads.joinpath("anna").mkdir(parents=True)
    settings.uploads.joinpath("anna", "history.json").write_bytes(as_json([extended()]))
    assert wait_until(settings.uploads.joinpath("anna", "imported", "history.json").exists, seconds=120)
    up.process.send_signal(signal.SIGINT)
    said = up.process.communicate(timeout=90)[0]
    assert said.count("ended by itself (SIGKILL)") == said.count("; starting it again\n") == 2
    assert up.process.returncode == 0


@pytest.mark.long
def test_reload_reads_changed_code_and_leaves_runs_alone(settings: Settings, tmp_path: Path) -> None:
    package, goes_on = tmp_path / "project" / "myi_pipelines", tmp_path / "goes_on"
    shutil.copytree(PROJECT / "myi_pipelines", package, ignore=shutil.ignore_patterns("__pycache__"))
    definitions = package / "definitions.py"
    definitions.write_text(definitions.read_text() + WAITING_JOB.format(path=str(goes_on)))
    up = Up(settings, package.parent)
    up.wait_until_up()
    began = time.time()
    run_id = launch(settings.ui_url, Launch("waiting", {}, {}))
    assert wait_until(lambda: _status(settings, began) == "STARTED", seconds=60)
    mended = definitions.read_text().replace("Waits.", "Waits patiently.")
    definitions.write_text(f"{mended}\nraise ValueError('a mistake')\n")
    assert "Waits." in _asked(settings, LOCATION)
    _asked(settings, RELOAD)
    assert wait_until(lambda: "a mistake" in _asked(settings, LOCATION), seconds=30)
    definitions.write_text(mended)
    _asked(settings, RELOAD)
    assert wait_until(lambda: "Waits patiently." in _asked(settings, LOCATION), seconds=30)

    workspace = json.loads(settings.dagster_home.joinpath("workspace.yaml").read_text())
    socket_path = workspace["load_from"][0]["grpc_server"]["socket"]
    assert can_cancel({"socket": socket_path}, run_id, seconds=30), "it would be taken for dead"
    goes_on.touch()
    assert wait_until(lambda: _status(settings, began) == "SUCCESS", seconds=60)
    group = up.group()
    assert "stopped" in up.end(signal.SIGINT)
    assert not any(_lives(process) for process in group)


def _status(settings: Settings, since: float) -> str:
    """Of the one run since an instant; empty before it is known."""
    return next((run.status for run in runs_since(settings.ui_url, since) or () if run.job == "waiting"), "")


def _asked(settings: Settings, query: str) -> str:
    """What Dagster answers, as JSON."""
    body, headers = json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{settings.ui_url}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(response.read().decode())


def _webserver(up: Up) -> psutil.Process:
    [webserver] = [one for one in up.group() if "webserver" in one.cmdline()]
    return webserver


def _lives(process: psutil.Process, seconds: float = 5) -> bool:
    def has_ended() -> bool:
        try:
            return process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return not wait_until(has_ended, seconds=seconds)


@pytest.mark.thorough
def test_what_a_program_submits_is_derived_by_itself(settings: Settings) -> None:
    up = Up(settings)
    up.wait_until_up()
    with closing(connect(servers.servers_of(settings).database_url)) as owner:
        anna = known_or_new_user(owner, "anna").id
        text = make_token(owner, anna, "a player", ["listens:write", "stats:read"]).text
    client = ListenBrainz(api_base_url=settings.web_url)
    client.set_auth_token(text)
    began = int(time.time()) - 3_600
    client.submit_multiple_listens([Listen(f"Song {n}", "Somebody", began + 300 * n) for n in range(5)])
    assert wait_until(lambda: client.get_user_listen_count("anna") == 5, seconds=240, every=1)
    client.submit_single_listen(Listen("Song 5", "Somebody", began + 1_500))
    assert wait_until(lambda: client.get_user_listen_count("anna") == 6, seconds=240, every=1)
    assert "stopped" in up.end(signal.SIGINT)
