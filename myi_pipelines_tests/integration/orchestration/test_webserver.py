"""Dagster's webserver, as MYI and `dagster dev` start it: what other pages and programs get from it."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from dagster import DagsterInstance

from myi_pipelines.runtime.dagster_processes import answers
from myi_pipelines.runtime.ports import free_port
from myi_pipelines_tests.support import browser

pytestmark = pytest.mark.slow

GUARDED = "myi_pipelines.orchestration.instance.webserver"
DAGSTERS_OWN = "dagster_webserver"
"""What `dagster dev` and `dagster-webserver` start."""
UNGUARDED = "myi_pipelines_tests.support.unguarded_webserver"
JSON = {"Content-Type": "application/json"}
ATTACKER = "attacker.test"
OPEN = "<title>the socket is open</title>"


def mutation(key: str) -> str:
    """Changes something in Dagster's storage that a test can see, and needs no code server."""
    return f'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'


@contextmanager
def webserver(module: str, folder: Path) -> Iterator[int]:
    """A webserver on the instance of the environment, and its port."""
    workspace, port = folder / "workspace.yaml", free_port()
    workspace.write_text("load_from: []")
    log = (folder / f"{module}.log").open("wb")
    arguments = ["--workspace", str(workspace), "--port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def ask(port: int, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


@pytest.mark.few(1)
@pytest.mark.parametrize("module", [GUARDED, DAGSTERS_OWN])
def test_only_our_own_pages_and_programs_are_answered(
    project_instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setenv("MYI_PUBLIC_HOSTS", "myi.example.com")
    query, body = f"/graphql?query={quote(mutation('by-get'))}", json.dumps({"query": mutation("by-post")})
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-ws"}
    with webserver(module, tmp_path) as port:
        here = f"127.0.0.1:{port}"
        refused: list[tuple[str, str, dict[str, str], str | None]] = [
            ("GET", query, {}, None),
            ("GET", query, {"Accept": "image/avif,*/*"}, None),
            ("GET", "/graphql/?query=x", {}, None),
            ("GET", query, link, None),
            ("GET", "/", {"Host": ATTACKER}, None),
            ("GET", "/", {"Host": f"{ATTACKER}:{port}"}, None),
            ("GET", "/", {"Host": ""}, None),
            ("POST", "/graphql", {**JSON, "Host": ATTACKER}, body),
            ("POST", "/graphql", {**JSON, "Origin": f"http://{ATTACKER}"}, body),
            ("POST", "/graphql", {**JSON, "Origin": "http://127.0.0.1:8080"}, body),
            ("POST", "/graphql", {**JSON, "Origin": "null"}, body),
            ("POST", "/graphql", {**JSON, "Origin": f"http://{here}", "Sec-Fetch-Site": "cross-site"}, body),
            ("POST", "/graphql", {**JSON, "Sec-Fetch-Site": "same-site"}, body),
            ("POST", "/graphql", {"Content-Type": "text/plain"}, body),
            ("POST", "/graphql", {"Content-Type": "text/plain; application/json"}, body),
            ("POST", query, {"Content-Type": "application/x-www-form-urlencoded"}, ""),
            ("POST", "/graphql", {"Content-Type": "application/graphql"}, mutation("by-graphql")),
            ("POST", "/report_asset_materialization/users", {}, None),
            ("GET", "/runs", {**link, "Sec-Fetch-Dest": "iframe"}, None),
            ("GET", "/favicon.png", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, None),
            ("GET", "/graphql", {**upgrade, "Origin": f"http://{ATTACKER}"}, None),
            ("GET", "/graphql", {**upgrade, "Host": ATTACKER}, None),
        ]
        for request in refused:
            status, said = ask(port, *request)
            assert status == 403, request
            assert said.startswith("refused: ") or "Upgrade" in request[2]
        assert project_instance.event_log_storage.get_concurrency_keys() == set()

        let_in: list[tuple[str, str, dict[str, str], str | None]] = [
            ("GET", "/server_info", {}, None),
            ("GET", "/server_info", {"Host": f"localhost:{port}"}, None),
            ("GET", "/server_info", {"Host": "MYI.example.com"}, None),
            ("GET", "/runs", link, None),
            ("GET", "/graphql", {"Accept": "text/html", "Sec-Fetch-Site": "none"}, None),
            ("POST", "/graphql", {**JSON, "Origin": f"http://{here}", "Sec-Fetch-Site": "same-origin"}, body),
            ("POST", "/graphql", {**JSON, "Host": "127.0.0.1:3000", "Origin": "https://myi.example.com"}, body),
            ("POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}, body),
        ]
        for request in let_in:
            status, said = ask(port, *request)
            assert status == 200, (request, said)
        assert ask(port, "GET", "/graphql", {**upgrade, "Origin": f"http://{here}"})[0] == 101
    assert project_instance.event_log_storage.get_concurrency_keys() == {"by-post"}


@contextmanager
def attacking_page(html: str) -> Iterator[int]:
    """A web server with one page, and its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def attack(port: int) -> str:
    """A page that tries everything that a page can try against a server of this machine."""
    url = f"http://127.0.0.1:{port}/graphql"
    return f"""<!doctype html><body>
    <img src="{url}?query={quote(mutation("image"))}">
    <script src="{url}?query={quote(mutation("script"))}"></script>
    <iframe src="http://127.0.0.1:{port}/runs"></iframe>
    <iframe name="hidden"></iframe>
    <form id="form" method="post" target="hidden" action="{url}?query={quote(mutation("form"))}"></form>
    <script>
      document.getElementById("form").submit();
      const body = key => JSON.stringify({{query: '{mutation("KEY")}'.replace("KEY", key)}});
      fetch("{url}", {{method: "POST", mode: "no-cors", body: body("plain")}});
      fetch("{url}", {{method: "POST", body: body("json"), headers: {{"Content-Type": "application/json"}}}});
      fetch("{url}?query=" + encodeURIComponent('{mutation("get")}'), {{mode: "no-cors"}});
      const socket = new WebSocket("ws://127.0.0.1:{port}/graphql", "graphql-ws");
      socket.onopen = () => document.title = "the socket is open";
    </script>"""


@pytest.mark.skipif(browser.installed() is None, reason=browser.NONE_INSTALLED)
def test_a_page_in_the_users_browser_changes_nothing_and_our_own_pages_work(
    project_instance: DagsterInstance, tmp_path: Path
) -> None:
    def attacked(port: int) -> str:
        with attacking_page(attack(port)) as page:
            return browser.open_page(f"http://{ATTACKER}:{page}/", tmp_path / "profile", foreign=[ATTACKER])

    storage = project_instance.event_log_storage
    with webserver(UNGUARDED, tmp_path) as port:
        assert OPEN in attacked(port)
        changed = storage.get_concurrency_keys()
        assert {"image", "get", "form"} <= changed, "the attack does not work: this test shows nothing"
    for key in changed:
        storage.delete_concurrency_limit(key)

    with webserver(GUARDED, tmp_path) as port:
        said = attacked(port)
        assert "<img" in said
        assert OPEN not in said
        rebound = browser.open_page(f"http://{ATTACKER}:{port}/", tmp_path / "profile", foreign=[ATTACKER])
        assert f"refused: the host {ATTACKER}:{port} is not ours" in rebound
        ours = browser.open_page(
            f"http://127.0.0.1:{port}/deployment/concurrency", tmp_path / "profile", milliseconds=15_000
        )
        assert "Deployment" in ours
    assert storage.get_concurrency_keys() == set()
