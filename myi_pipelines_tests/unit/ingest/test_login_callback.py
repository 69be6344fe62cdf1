"""The page that Spotify sends a browser back to waits for one answer and ignores everything else on its port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from myi_pipelines.ingest.spotify.login_callback import (
    Callback,
    CallbackPortInUse,
    NoAnswer,
    NotOnThisMachine,
    callback_server,
    can_listen,
)

STATE = "the-state-of-this-login"


@pytest.fixture
def redirect_uri() -> str:
    """An address on a free port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/auth/callback"


@pytest.fixture
def callback(redirect_uri: str) -> Iterator[Callback]:
    with callback_server(redirect_uri, STATE) as opened:
        yield opened


def visit(url: str) -> requests.Response:
    return requests.get(url, timeout=5)


def assert_still_waiting(callback: Callback) -> None:
    with pytest.raises(NoAnswer):
        callback.wait(0.01)


def test_the_answer_is_the_whole_address(callback: Callback, redirect_uri: str) -> None:
    url = f"{redirect_uri}?code=a%2Fb&state={STATE}"
    page = visit(url)
    assert page.status_code == 200
    assert "Thank you" in page.text
    assert callback.wait(1) == url


def test_a_denial_is_an_answer(callback: Callback, redirect_uri: str) -> None:
    url = f"{redirect_uri}?error=access_denied&state={STATE}"
    assert "nothing was linked" in visit(url).text
    assert callback.wait(1) == url


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/favicon.ico", 404),
        ("/", 404),
        ("/auth/callback/", 404),
        (f"/other?code=1&state={STATE}", 404),
        ("/auth/callback", 400),
        ("/auth/callback?code=1", 400),
        ("/auth/callback?code=1&state=", 400),
        ("/auth/callback?code=1&state=%FF%00", 400),
        ("/auth/callback?code=1&state=of-yesterday", 400),
        ("/auth/callback?error=access_denied&state=of-yesterday", 400),
        (f"/auth/callback?state={STATE}", 400),
    ],
)
def test_any_other_request_gets_a_page_and_the_wait_continues(
    callback: Callback, redirect_uri: str, path: str, status: int
) -> None:
    base = redirect_uri.removesuffix("/auth/callback")
    assert visit(base + path).status_code == status
    assert_still_waiting(callback)
    visit(f"{redirect_uri}?code=1&state={STATE}")
    assert callback.wait(1)


def test_nothing_of_a_request_is_shown_or_printed(
    callback: Callback, redirect_uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    page = visit(f"{redirect_uri}?code=<script>secret-code</script>&state={STATE}")
    requests.post(redirect_uri, timeout=5)
    assert "secret-code" not in page.text
    assert capfd.readouterr() == ("", "")


def test_other_connections_do_not_prevent_an_answer(
    callback: Callback, redirect_uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    port = int(redirect_uri.split(":")[2].partition("/")[0])
    with closing(socket.create_connection(("127.0.0.1", port))), closing(socket.create_connection(("127.0.0.1", port))):
        with closing(socket.create_connection(("127.0.0.1", port))) as tls:
            tls.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with closing(socket.create_connection(("127.0.0.1", port))) as odd:
            odd.sendall(b"GET //[::1?code=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 404 " in odd.recv(100)
        with closing(socket.create_connection(("127.0.0.1", port))) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            gone.sendall(b"GET /favicon.ico HT")
        assert visit(f"{redirect_uri}?code=1&state={STATE}").status_code == 200
        assert callback.wait(1)
    assert capfd.readouterr() == ("", "")


def test_several_answers_at_the_same_time_are_all_served(callback: Callback, redirect_uri: str) -> None:
    pages: list[int] = []
    url = f"{redirect_uri}?code=1&state={STATE}"
    threads = [threading.Thread(target=lambda: pages.append(visit(url).status_code)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pages == [200] * 5
    assert callback.wait(1) == url


def test_a_silent_connection_does_not_delay_the_end(redirect_uri: str) -> None:
    port = int(redirect_uri.split(":")[2].partition("/")[0])
    with callback_server(redirect_uri, STATE):
        before = set(threading.enumerate())
        idle = socket.create_connection(("127.0.0.1", port))
        while not (waiting := set(threading.enumerate()) - before):
            time.sleep(0.01)
    assert all(thread.is_alive() for thread in waiting), "the block ended before what waits for the request"
    idle.close()


def test_the_port_is_free_after_the_block(redirect_uri: str) -> None:
    for _ in range(2):
        with callback_server(redirect_uri, STATE):
            visit(f"{redirect_uri}?code=1&state={STATE}")


def test_a_port_in_use_is_a_one_line_error(callback: Callback, redirect_uri: str) -> None:
    said = r"^127\.0\.0\.1:\d+: Address already in use; .*--paste"
    with pytest.raises(CallbackPortInUse, match=said), callback_server(redirect_uri, STATE):
        pass


def test_a_missing_answer_is_a_one_line_error(callback: Callback) -> None:
    with pytest.raises(NoAnswer, match=r"--paste"):
        callback.wait(0.01)


@pytest.mark.parametrize(
    ("redirect_uri", "can"),
    [
        ("http://127.0.0.1:3001/auth/callback", True),
        ("http://[::1]:3001", True),
        ("https://myi.example.org/auth/callback", False),
        ("http://192.0.2.1:3001/auth/callback", False),
        ("https://127.0.0.1:3001/auth/callback", False),
    ],
)
def test_only_plain_http_addresses_of_this_machine_can_be_used(redirect_uri: str, can: bool) -> None:
    assert can_listen(redirect_uri) is can


def test_the_error_for_another_address_names_the_alternative() -> None:
    redirect_uri = "https://myi.example.org/auth/callback"
    with pytest.raises(NotOnThisMachine, match="--paste"), callback_server(redirect_uri, STATE):
        pass
