"""Plays that programs submit, as ListenBrainz' real client and others send them, and what they may not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from liblistenbrainz import Listen, ListenBrainz
from liblistenbrainz.errors import ListenBrainzAPIException

from myi_pipelines.serving import submissions
from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.access.viewers import OF_LISTENERS, Right
from myi_pipelines.serving.api import maloja
from myi_pipelines.serving.api.listens import EARLIEST, LARGEST_BODY, LARGEST_LISTEN, MOST_LISTENS
from myi_pipelines.serving.process import assembled
from myi_pipelines.serving.submissions import OF_ONE_TOKEN, PLACES, WORKERS
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Answer, Server, balanced, serving, wait_until, web_context

SUBMIT = "/1/submit-listens"
SPOTIFY_ID = "4cOdK2wGLETKBW3PvgPWqT"
OTHER_ID = SPOTIFY_ID[::-1]
"""Of which no other test says another name."""
NUMBERS = count()


class Site(NamedTuple):
    """Two web servers that share a database and Redis, behind one address."""

    server: Server
    each: list[Server]
    warehouse: Warehouse

    def token(self, *rights: str, user: str = "anna", name: str = "a test") -> str:
        with closing(connect(self.warehouse.conn.info.dsn)) as owner:
            return make_token(owner, self.warehouse.user(user, "UTC"), name, rights).text

    def send(self, body: object, token: str, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self.server.ask("POST", SUBMIT, {"Authorization": f"Token {token}", **headers}, content)

    def derive(self, user: str = "anna") -> None:
        self.warehouse.settle([self.warehouse.user(user, "UTC")])

    def landed(self, user: str = "anna") -> list[tuple[Any, ...]]:
        """Names, start, and the milliseconds heard of what was submitted for a user."""
        return self.warehouse.conn.execute(
            "SELECT track_name, artist_name, album_name, spotify_id, extract(epoch FROM listened_at)::bigint,"
            " extract(epoch FROM played_at - listened_at)::bigint, ms_played FROM submitted_plays"
            " WHERE user_id = %s ORDER BY listened_at, track_name",
            [self.warehouse.user(user, "UTC")],
        ).fetchall()


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("home")
    name = shared_servers.database_name(__name__, worker_id)
    redis_url = session_servers.servers.redis.url(shared_servers.worker_number(worker_id))
    with session_servers.database(name) as url, open_warehouse(url) as warehouse, ExitStack() as stack:
        context = [web_context(url, home, redis_url=redis_url) for _ in range(2)]
        each = [stack.enter_context(serving(assembled(one))) for one in context]
        yield Site(stack.enter_context(balanced([one.port for one in each])), each, warehouse)


@pytest.fixture
def user() -> str:
    """A listener of whom nothing is known yet."""
    return f"listener-{next(NUMBERS)}"


def listen(listened_at: int = 1_700_000_000, **more: Any) -> dict[str, Any]:
    names = {"track_name": "A song", "artist_name": "Somebody"}
    return {"listened_at": listened_at, "track_metadata": {**names, **more}}


def single(listened_at: int = 1_700_000_000, **more: Any) -> dict[str, Any]:
    return {"listen_type": "single", "payload": [listen(listened_at, **more)]}


def playing(**more: Any) -> dict[str, Any]:
    names = {"track_name": "A song", "artist_name": "Somebody"}
    return {"listen_type": "playing_now", "payload": [{"track_metadata": {**names, **more}}]}


def client_of(site: Site, token: str, prefix: str = "") -> ListenBrainz:
    client = ListenBrainz(api_base_url=site.server.url)
    for name in ("_get", "_post"):
        ask = getattr(client, name)
        setattr(client, name, lambda path, *rest, ask=ask, **more: ask(prefix + path, *rest, **more))
    client.set_auth_token(token)
    return client


@pytest.mark.parametrize("prefix", ["", "/apis/listenbrainz"])
def test_the_real_client_submits_plays_that_it_reads_again(site: Site, user: str, prefix: str) -> None:
    client = client_of(site, site.token("listens:write", user=user), prefix)
    spotify = f"https://open.spotify.com/track/{SPOTIFY_ID}"
    first = Listen("Teardrop", "Massive Attack", 1_700_000_000, "Mezzanine", spotify_id=spotify)
    first.additional_info = {"duration_ms": 330_500, "submission_client": "a player"}
    assert client.submit_single_listen(first) == {"status": "ok"}
    more = [Listen(f"Song {number}", "Somebody", 1_700_010_000 + 600 * number) for number in range(30)]
    client.submit_multiple_listens(more)
    client.submit_playing_now(Listen("Angel", "Massive Attack"))

    site.derive(user)
    reader = client_of(site, site.token("history:read", "stats:read", user=user), prefix)
    read = reader.get_listens(user, count=100)
    assert [(one.track_name, one.listened_at) for one in read[::-1]] == [
        (one.track_name, one.listened_at) for one in (first, *more)
    ]
    assert (read[-1].artist_name, read[-1].release_name, read[-1].spotify_id) == (
        "Massive Attack",
        "Mezzanine",
        spotify,
    )
    assert reader.get_user_listen_count(user) == 31
    now = reader.get_playing_now(user)
    assert (now.track_name, now.artist_name) == ("Angel", "Massive Attack")
    with pytest.raises(ListenBrainzAPIException) as refused:
        client.submit_single_listen(Listen("  ", "Somebody", 1_700_000_000))
    assert (refused.value.status_code, "track_name is empty" in str(refused.value.message)) == (400, True)


def test_a_program_that_tries_again_doubles_nothing(site: Site, user: str) -> None:
    token = site.token("listens:write", user=user, name="my player")
    body = {"listen_type": "import", "payload": [listen(1_700_000_000 + 300 * number) for number in range(5)]}
    with ThreadPoolExecutor(4) as threads:
        assert {one.status for one in threads.map(lambda _: site.send(body, token), range(8))} == {200}
    assert len(site.landed(user)) == 5
    headers = {"Authorization": f"Token {token}"}
    [job] = site.server.ask("GET", f"/api/v1/users/{user}/imports", headers).json["data"]
    assert "my player" in job["file_name"]
    assert (job["landed_rows"], job["known_rows"]) == (5, 35)


def test_what_a_program_submitted_can_be_undone_and_what_it_submits_then_counts(site: Site, user: str) -> None:
    token, may = site.token("listens:write", user=user, name="my player"), site.token("corrections:write", user=user)
    reads = client_of(site, site.token("stats:read", user=user))
    assert site.send(single(), token).status == 200
    site.derive(user)
    assert reads.get_user_listen_count(user) == 1
    headers = {"Authorization": f"Token {token}"}
    [job] = site.server.ask("GET", f"/api/v1/users/{user}/imports", headers).json["data"]
    path = f"/api/v1/users/{user}/imports/{job['id']}"
    assert site.server.ask("DELETE", path, {"Authorization": f"Token {may}"}).status == 200
    assert reads.get_user_listen_count(user) == 0
    assert site.send(single(1_700_001_000), token).status == 200
    site.derive(user)
    assert reads.get_user_listen_count(user) == 1


def test_the_page_of_imports_shows_each_program_once(site: Site, user: str) -> None:
    for name in ("a player", "a phone"):
        token = site.token("listens:write", user=user, name=name)
        for number in range(2):
            site.send(single(1_700_000_000 + 600 * number, track_name=name), token)
    with closing(connect(site.warehouse.conn.info.dsn)) as owner:
        secret = begin_session(owner, site.warehouse.user(user, "UTC"), Method.LINK, "a test")
    one = site.each[0]
    page = one.get(f"/u/{user}/imports", {f"myi_{one.port}": secret}).text
    assert "4 plays came from 2 programs" in page
    assert page.count("2 plays received, 2 new, 0 known before") == 2
    assert page.count("Undo what it submitted") == 2


def test_a_play_lasts_as_long_as_it_was_heard_or_its_track_is(site: Site, user: str) -> None:
    told: list[dict[str, Any]] = [
        {},
        {"duration": 200},
        {"duration_ms": "200999.0"},
        {"duration": 200, "duration_played": 120},
        {"ms_played": 61_500},
        {"duration": 100_000},
    ]
    payload = [listen(1_700_000_000 + 3_600 * n, additional_info=info) for n, info in enumerate(told)]
    assert (
        site.send({"listen_type": "import", "payload": payload}, site.token("listens:write", user=user)).status == 200
    )
    assert [row[5:] for row in site.landed(user)] == [
        (0, None), (200, None), (200, None), (120, 120_000), (61, 61_500), (0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("info", "known"),
    [
        ({"spotify_id": f"http://open.spotify.com/track/{OTHER_ID}"}, OTHER_ID),
        ({"origin_url": f"https://open.spotify.com/intl-de/track/{OTHER_ID}?si=1"}, OTHER_ID),
        ({"spotify_id": "nonsense", "origin_url": f"https://open.spotify.com/track/{OTHER_ID}"}, OTHER_ID),
        ({"spotify_id": f"https://open.spotify.com/track/{OTHER_ID}x"}, None),
        ({"origin_url": f"https://example.com/track/{OTHER_ID}"}, None),
        ({"spotify_id": f"https://open.spotify.com/album/{OTHER_ID}", "origin_url": 5}, None),
    ],
)
def test_a_track_s_address_at_spotify_says_which_one_it_is(
    site: Site, user: str, info: dict[str, Any], known: str | None
) -> None:
    assert site.send(single(additional_info=info), site.token("listens:write", user=user)).status == 200
    assert [row[3] for row in site.landed(user)] == [known]


def test_only_a_token_that_may_submit_submits(site: Site, user: str) -> None:
    may = {"listens:write"}
    for right in sorted(OF_LISTENERS):
        answer = site.send(single(), site.token(right, user=user))
        assert answer.status == (200 if right in may else 401), right
        assert set(answer.json) == ({"status"} if right in may else {"code", "error"})
    with closing(connect(site.warehouse.conn.info.dsn)) as owner:
        operator = make_token(owner, None, "metrics", [Right.READ_METRICS]).text
    for wrong in (operator, "wrong", "myi_wrong"):
        assert site.send(single(), wrong).json == {"code": 401, "error": "Invalid authorization token."}
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Cookie": "myi=1"}, {"Authorization": "Token"}):
        missing = site.server.ask("POST", SUBMIT, headers, json.dumps(single()))
        assert (missing.status, missing.json["code"]) == (401, 401)
    assert len(site.landed(user)) == 1


def test_a_token_in_an_address_may_do_nothing_else(site: Site, user: str) -> None:
    narrow, wide = site.token("listens:write", user=user), site.token("listens:write", "stats:read", user=user)
    assert site.server.ask("POST", f"{SUBMIT}?token={narrow}", {}, json.dumps(single())).status == 200
    assert site.server.ask("POST", f"{SUBMIT}?token={wide}", {}, json.dumps(single())).status == 401
    assert site.send(single(), wide).status == 200
    told = site.server.ask("GET", "/1/validate-token", {"Authorization": f"Token {narrow}"}).json
    assert (told["valid"], told["user_name"]) == (True, user)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain"},
        {"Origin": "chrome-extension://abc", "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
    ],
    ids=str,
)
@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer"])
def test_a_body_is_read_whatever_it_is_called(site: Site, scheme: str, headers: dict[str, str]) -> None:
    token = site.token("listens:write", user="any-body")
    answer = site.server.ask("POST", SUBMIT, {"Authorization": f"{scheme} {token}", **headers}, json.dumps(single()))
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert "access-control-allow-origin" not in answer.headers


MBID = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
REFUSED: list[tuple[object, str]] = [
    (b"", "Cannot parse JSON document"),
    (b"{", "Cannot parse JSON document"),
    (b'{"listen_type":"single","payload":NaN}', "Cannot parse JSON document"),
    (b"[" * 100_000, "nested too deeply"),
    (b"\xff", "Cannot parse JSON document"),
    (b'"\\ud800x"', "Cannot parse JSON document"),
    ([], "should be a json object"),
    ({"listen_type": "single"}, "Invalid JSON document submitted"),
    ({"payload": [listen()]}, "Invalid JSON document submitted"),
    ({"listen_type": "single", "payload": {}}, "should be a list"),
    ({"listen_type": "single", "payload": []}, "does not contain any listens"),
    ({"listen_type": "loved", "payload": [listen()]}, "valid listen_type"),
    ({"listen_type": ["single"], "payload": [listen()]}, "valid listen_type"),
    ({"listen_type": "single", "payload": [listen()] * 2}, "only one"),
    ({"listen_type": "playing_now", "payload": [{}] * 2}, "only one"),
    ({"listen_type": "import", "payload": [listen()] * (MOST_LISTENS + 1)}, "Too many listens"),
    ({"listen_type": "import", "payload": ["x"]}, "Listen is empty"),
    ({"listen_type": "single", "payload": [{"track_metadata": {}}]}, "must contain the key listened_at"),
    ({"listen_type": "single", "payload": [{"listened_at": 1_700_000_000}]}, "must contain the key track_metadata"),
    ({"listen_type": "single", "payload": [{**listen(), "user": 1}]}, "may only contain"),
    ({"listen_type": "playing_now", "payload": [listen()]}, "must not contain listened_at"),
    ({"listen_type": "single", "payload": [{"listened_at": 1_700_000_000, "track_metadata": None}]}, "null value"),
    (single("soon"), "an int value for listened_at"),  # type: ignore[arg-type]
    (single(None), "an int value for listened_at"),  # type: ignore[arg-type]
    (single(0), "too low"),
    (single(EARLIEST - 1), "too low"),
    (single(2**70), "too high"),
    (single(track_name=""), "track_name is empty"),
    (single(artist_name=" "), "artist_name is empty"),
    (single(artist_name=["a"]), "must be a single string"),
    (single(release_name=5), "must be a single string"),
    (single(track_name="\x01\x02"), "is empty"),
    (single(track_name="a\0b"), "unicode null"),
    (single(additional_info={"x": [{"a\0": 1}]}), "unicode null"),
    (single(additional_info=[]), "must be an object"),
    (single(additional_info={"tags": ["x"] * 51}), "more than 50"),
    (single(additional_info={"tags": ["x" * 65]}), "longer than 64"),
    (single(additional_info={"tags": 5}), "list of strings"),
    (single(additional_info={"duration": 1, "duration_ms": 1_000}), "both duration"),
    (single(additional_info={"duration": 0}), "positive integer"),
    (single(additional_info={"duration_ms": "long"}), "positive integer"),
    (single(additional_info={"duration": 24 * 86_400 + 1}), "too large"),
    (single(additional_info={"recording_mbid": "x"}), "recording_mbid MBID format invalid"),
    (single(additional_info={"artist_mbids": [MBID, 5]}), "artist_mbids MBID format invalid"),
    (single(additional_info={"x": "y" * LARGEST_LISTEN}), f"larger than {LARGEST_LISTEN} bytes"),
]


def test_what_listenbrainz_refuses_is_refused_in_its_words(site: Site, user: str) -> None:
    tokens = [site.token("listens:write", user=user) for _ in range(2)]
    wrong = []
    for number, (body, error) in enumerate(REFUSED):
        answer = site.send(body, tokens[number % 2])
        told = answer.json
        if answer.status != 400 or told.get("code") != 400 or error not in told["error"] or len(told) != 2:
            wrong.append((str(body)[:80], error, answer.status, answer.text[:200]))
    assert wrong == []
    assert site.landed(user) == []


def test_what_listenbrainz_takes_is_taken(site: Site, user: str) -> None:
    token = site.token("listens:write", user=user)
    taken = [
        single(EARLIEST),
        single(int(time.time()) + 3_500),
        single("1700000000"),  # type: ignore[arg-type]
        single(1_700_000_600.9),  # type: ignore[arg-type]
        single(1_700_001_200, release_name=None, additional_info=None),
        single(1_700_001_800, additional_info={"recording_mbid": "", "artist_mbids": [MBID, None], "tags": ["x"] * 50}),
    ]
    assert [site.send(body, token).status for body in taken] == [200] * len(taken)
    assert len(site.landed(user)) == len(taken)


def test_names_of_any_script_are_kept(site: Site, user: str) -> None:
    names = ["Für Elise", "夜に駆ける", "שלום", "🎵👩‍👩‍👧", "a\u0301\u200d\ufeff", "x" * 5_000, "a\u2028b\u0007"]
    payload = [listen(1_700_000_000 + 600 * n, track_name=name, artist_name=name) for n, name in enumerate(names)]
    assert (
        site.send({"listen_type": "import", "payload": payload}, site.token("listens:write", user=user)).status == 200
    )
    assert [row[0] for row in site.landed(user)] == [*names[:5], "x" * 1_000, "a\u2028b"]


def test_a_thousand_listens_of_ten_megabytes_land_and_a_byte_more_is_refused(site: Site, user: str) -> None:
    token = site.token("listens:write", user=user)
    whole = json.dumps({"listen_type": "import", "payload": [listen(1_700_000_000 + 300 * n) for n in range(1_000)]})
    largest = whole.encode() + b" " * (LARGEST_BODY - len(whole))
    assert site.send(largest, token).json == {"status": "ok"}
    assert len(site.landed(user)) == MOST_LISTENS
    for more in (b" ", b" " * 20_000_000):
        refused = site.send(largest + more, token)
        assert (refused.status, refused.json["error"][:17]) == (400, "Payload too large")


def test_a_token_may_ask_so_often_and_all_servers_know(site: Site, user: str) -> None:
    token, other = site.token("listens:write", user=user), site.token("listens:write", user=user)
    answers = [site.send(b"{", token) for _ in range(OF_ONE_TOKEN.amount + 1)]
    assert [one.status for one in answers] == [400] * OF_ONE_TOKEN.amount + [429]
    left = [int(one.headers["x-ratelimit-remaining"]) for one in answers]
    assert left == [*range(OF_ONE_TOKEN.amount - 1, -1, -1), 0]
    last = answers[-1]
    assert last.headers["x-ratelimit-limit"] == str(OF_ONE_TOKEN.amount)
    assert 1 <= int(last.headers["x-ratelimit-reset-in"]) == int(last.headers["retry-after"]) <= 10
    assert "rate limit" in last.json["error"]
    assert site.send(b"{", other).status == 400


@contextmanager
def landing_stopped(site: Site, user: str) -> Iterator[None]:
    """Another process writes for the user, as an import does: whoever lands plays waits."""
    with closing(connect(site.warehouse.conn.info.dsn)) as writer, writer.transaction():
        acquire(writer, exclusive(Lock.USER, site.warehouse.user(user, "UTC")))
        yield


def test_a_flood_that_waits_takes_its_places_and_leaves_the_rest_to_the_pages(site: Site, user: str) -> None:
    tokens = [site.token("listens:write", user=user) for _ in range(PLACES + 3)]
    reads = {"Authorization": f"Token {site.token('stats:read')}"}
    one = site.each[0]

    def send(number: int) -> Answer:
        body = json.dumps(single(1_700_000_000 + 600 * number))
        return one.ask("POST", SUBMIT, {"Authorization": f"Token {tokens[number]}"}, body)

    with ThreadPoolExecutor(PLACES + 3) as threads:
        with landing_stopped(site, user):
            sent = [threads.submit(send, number) for number in range(PLACES + 3)]
            wait_until(lambda: sum(answer.done() for answer in sent) == 3)
            refused = [answer.result() for answer in sent if answer.done()]
            assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(503, "1")}
            assert {tuple(answer.json) for answer in refused} == {("code", "error")}
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
            )
            wait_until(lambda: site.warehouse.conn.execute(waiting).fetchone() == (WORKERS,))
            for _ in range(5):
                assert one.ask("GET", "/api/v1/users/anna/totals?range=all", reads).status == 200
        assert sorted(answer.result().status for answer in sent) == [200] * PLACES + [503] * 3
    assert len(site.landed(user)) == PLACES


@contextmanager
def slow_bodies(server: Server, path: str, headers: str = "") -> Iterator[None]:
    """More requests than there are places, each of which sends the first byte of its body, and no other."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n{headers}\r\n"
    with ExitStack() as stack:
        for _ in range(PLACES + 4):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(head.encode() + b"{")
        time.sleep(0.5)
        yield


def test_bodies_of_strangers_that_do_not_arrive_hold_nobody_up(site: Site, user: str) -> None:
    key = site.token("listens:write", user=user)
    fields = {"key": key, "artist": ["A"], "title": "B", "time": 1_700_000_000}
    one = Site(site.each[0], site.each, site.warehouse)
    with slow_bodies(one.server, "/apis/mlj_1/newscrobble"):
        assert one.send(single(), key).status == 200
        assert scrobble(one, fields, how="json").status == 200


def test_bodies_of_one_token_that_do_not_arrive_leave_places_to_others(site: Site, user: str) -> None:
    slow, other = (site.token("listens:write", user=user) for _ in range(2))
    one = Site(site.each[0], site.each, site.warehouse)
    with slow_bodies(one.server, SUBMIT, f"Authorization: Token {slow}\r\n"):
        assert one.send(single(), other).status == 200
        refused = one.send(single(), slow)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    wait_until(lambda: one.send(single(), slow).status == 200)


def test_a_body_without_a_known_key_arrives_soon_or_not_at_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maloja, "SECONDS_TO_ARRIVE", 0.1)
    head = b"POST /apis/mlj_1/newscrobble HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", site.each[0].port), timeout=10) as connection:
        connection.sendall(head)
        assert b" 408 " in connection.recv(1_000).splitlines()[0]


def test_a_submission_does_not_wait_long_for_an_import(site: Site, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submissions, "SECONDS_FOR_LOCKS", 0.1)
    token = site.token("listens:write", user=user)
    with landing_stopped(site, user):
        answer = site.send(single(), token)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, 503, "5")


def now_of(server: Server, user: str, token: str) -> Answer:
    return server.ask("GET", f"/1/user/{user}/playing-now", {"Authorization": f"Token {token}"})


def test_what_is_playing_now_is_known_to_all_servers_until_it_is_over(site: Site, user: str) -> None:
    token, reads = site.token("listens:write", user=user), site.token("history:read", user=user)
    names = {"track_name": "A song", "artist_name": "Somebody", "release_name": "Album"}
    assert site.send(playing(**names, additional_info={"duration_ms": 1_000}), token).status == 200
    for server in site.each:
        told = now_of(server, user, reads).json["payload"]
        assert (told["count"], told["user_id"], told["playing_now"]) == (1, user, True)
        [now] = told["listens"]
        assert now == {
            "track_metadata": {**names, "additional_info": {"duration_ms": 1_000}},
            "playing_now": True,
        }
    wait_until(lambda: now_of(site.server, user, reads).json["payload"]["count"] == 0)
    for name in ("One", "Other"):
        site.send(playing(track_name=name), token)
    assert now_of(site.server, user, reads).json["payload"]["listens"][0]["track_metadata"]["track_name"] == "Other"
    left = "SELECT extract(epoch FROM ends_at - now()) FROM playing_now WHERE user_id = %s"
    [(seconds,)] = site.warehouse.conn.execute(left, [site.warehouse.user(user, "UTC")])
    assert 590 < seconds <= 600
    assert site.landed(user) == []


def test_the_same_said_again_does_not_play_longer(site: Site, user: str) -> None:
    token = site.token("listens:write", user=user)
    ends = "SELECT ends_at FROM playing_now WHERE user_id = %s"
    seen = set()
    for _ in range(3):
        site.send(playing(additional_info={"duration": 100}), token)
        seen.update(site.warehouse.conn.execute(ends, [site.warehouse.user(user, "UTC")]).fetchall())
    assert len(seen) == 1


def test_what_is_playing_is_as_private_as_single_plays(site: Site, user: str) -> None:
    assert site.send(playing(), site.token("listens:write", user=user)).status == 200
    path = f"/1/user/{user}/playing-now"
    for headers in (
        {},
        {"Authorization": f"Token {site.token('stats:read', user=user)}"},
        {"Authorization": f"Token {site.token('listens:write', user=user)}"},
        {"Authorization": f"Token {site.token('history:read', user='somebody else')}"},
    ):
        assert site.server.ask("GET", path, headers).status == 404
    assert now_of(site.server, user, site.token("history:read", user=user)).status == 200


def test_plays_land_for_the_token_s_listener_and_nobody_else(site: Site, user: str) -> None:
    before = len(site.landed())
    named = {**single(), "user_name": "anna"}
    assert site.send(named, site.token("listens:write", user=user)).status == 200
    assert (len(site.landed(user)), len(site.landed())) == (1, before)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("track_name", "artist_name", "release_name", "additional_info", "title", "artist")
INFO = ("duration", "duration_ms", "ms_played", "tags", "artist_mbids", "spotify_id", "origin_url")
METADATA = st.fixed_dictionaries({}, optional={name: JSON | st.just("Name") for name in NAMES}) | st.fixed_dictionaries(
    {"track_name": st.text(min_size=1), "artist_name": st.text(min_size=1)},
    optional={"additional_info": st.fixed_dictionaries({}, optional=dict.fromkeys(INFO, JSON))},
)
LISTENS = st.fixed_dictionaries(
    {}, optional={"listened_at": st.integers(1_600_000_000, 1_700_000_000) | JSON, "track_metadata": METADATA | JSON}
)
BODIES = st.fixed_dictionaries(
    {
        "listen_type": st.sampled_from(["single", "import", "playing_now"]) | JSON,
        "payload": st.lists(LISTENS | JSON, max_size=2) | JSON,
    }
)


@pytest.fixture(scope="module")
def tokens(site: Site) -> Iterator[str]:
    """So many that none asks too often."""
    return (token for token in iter(lambda: site.token("listens:write", user="fuzz"), "") for _ in range(40))


@pytest.mark.slow
@given(BODIES | JSON | st.binary(max_size=20))
@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_submitted_is_taken_or_refused_in_one_line(site: Site, tokens: Iterator[str], body: object) -> None:
    answer = site.send(body, next(tokens))
    assert answer.status in (200, 400), (body, answer.text)
    told: Mapping[str, Any] = answer.json
    assert told == {"status": "ok"} or (set(told) == {"code", "error"} and told["error"].count("\n") == 0)


def scrobble(site: Site, fields: Mapping[str, Any], *, how: str) -> Answer:
    path = "/apis/mlj_1/newscrobble"
    match how:
        case "json":
            return site.server.ask("POST", path, {"Content-Type": "application/json"}, json.dumps(fields))
        case "form":
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            return site.server.ask("POST", path, form, urlencode(fields, doseq=True))
    return site.server.ask("POST", f"{path}?{urlencode(fields, doseq=True)}", {}, b"")


@pytest.mark.parametrize("how", ["json", "form", "query"])
def test_maloja_s_programs_scrobble(site: Site, user: str, how: str) -> None:
    key = site.token("listens:write", user=user)
    fields = {"key": key, "artist": ["Björk", "Anohni"], "title": "The Dull Flame of Desire", "album": "Volta"}
    answer = scrobble(site, {**fields, "time": 1_700_000_000, "length": 450, "duration": 449, "mood": "x"}, how=how)
    assert (answer.status, answer.json) == (
        200,
        {
            "status": "success",
            "track": {"artists": ["Björk", "Anohni"], "title": "The Dull Flame of Desire"},
            "desc": "Scrobbled The Dull Flame of Desire by Björk, Anohni",
            "warnings": [
                {
                    "type": "invalid_keyword_ignored",
                    "value": "mood",
                    "desc": "This key was not recognized by the server and has been discarded.",
                }
            ],
        },
    )
    assert site.landed(user) == [("The Dull Flame of Desire", "Björk", "Volta", None, 1_700_000_000, 449, 449_000)]
    assert scrobble(site, {"apikey": key, "artists": ["A"], "title": "Now"}, how=how).status == 200
    assert abs(site.landed(user)[-1][4] - time.time()) < 60


@pytest.mark.parametrize(
    ("changed", "status", "kind"),
    [
        ({"key": "wrong"}, 403, "authentication_fail"),
        ({"key": None}, 403, "authentication_fail"),
        ({"title": ""}, 400, "missing_scrobble_data"),
        ({"artist": []}, 400, "missing_scrobble_data"),
        ({"artist": {"name": "x"}}, 400, "missing_scrobble_data"),
        ({"time": "soon"}, 400, "invalid_value"),
        ({"time": 1_000}, 400, "invalid_value"),
        ({"time": 4_000_000_000}, 400, "invalid_value"),
        ({"length": []}, 400, "invalid_value"),
        ({"title": "a" * 70_000}, 413, "http_error"),
    ],
)
def test_maloja_s_programs_hear_what_is_wrong(
    site: Site, user: str, changed: dict[str, Any], status: int, kind: str
) -> None:
    fields = {"key": site.token("listens:write", user=user), "artist": ["A"], "title": "B", "time": 1_700_000_000}
    answer = scrobble(site, {**fields, **changed}, how="json")
    assert (answer.status, answer.json["error"]["type"]) == (status, kind)
    assert site.landed(user) == []


def test_maloja_s_programs_find_the_server_and_try_their_key(site: Site, user: str) -> None:
    info = site.server.ask("GET", "/apis/mlj_1/serverinfo").json
    assert info["versionstring"].split(".") == info["version"]
    assert info["db_status"]["healthy"] is True
    narrow, wide = site.token("listens:write", user=user), site.token("listens:write", "stats:read", user=user)
    tried = {key: site.server.ask("GET", f"/apis/mlj_1/test?key={key}") for key in (narrow, wide, "wrong")}
    assert [one.status for one in tried.values()] == [200, 403, 403]
    assert [one.json["status"] for one in tried.values()] == ["ok", "error", "error"]
    assert site.server.ask("GET", "/apis/mlj_1/test").json == {"status": "ok"}
