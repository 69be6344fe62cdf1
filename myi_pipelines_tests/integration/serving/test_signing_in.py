"""Coming in and going, as browsers and attackers do it: over HTTP, against the real application."""

import base64
import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from myi_pipelines.ingest.spotify.app_settings import app_of
from myi_pipelines.ingest.spotify.login import begin_login, code_in
from myi_pipelines.runtime.ports import free_port
from myi_pipelines.serving.access.links import PATH, make_link
from myi_pipelines.serving.access.pages import access_routes, sign_in_by_link
from myi_pipelines.serving.access.passwords import set_password
from myi_pipelines.serving.access.permissions import Part, require, require_operator, require_person
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.access.waiting import answers_at, received_by_web_server
from myi_pipelines.serving.context import Context, context_of, viewer_of
from myi_pipelines.serving.forms import Form, form_endpoint
from myi_pipelines.serving.process import NobodyCanSignIn, require_way_in
from myi_pipelines.serving.server import application
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.warehouse import spotify_accounts
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.users import User, find_user, known_or_new_user
from myi_pipelines_tests.support import browser
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

PASSWORD = "four plain words here"
ATTACKER = "attacker.test"
NAVIGATION: dict[str, Any] = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def who(request: Request) -> Response:
    viewer = viewer_of(request)
    address = request.client.host if request.client else ""
    return PlainTextResponse(f"{viewer.kind} {viewer.user_id} {request.url.scheme} {address}")


def part(request: Request) -> Response:
    with context_of(request).reading() as conn:
        listener = find_user(conn, request.path_params["name"])
        require(conn, viewer_of(request), listener, Part[request.path_params["part"]])
    return PlainTextResponse("seen")


def settings_page(request: Request) -> Response:
    require_person(viewer_of(request))
    return PlainTextResponse("settings")


def come_in_by_address(request: Request) -> Response:
    """As the button on the page of a link, for a browser that nobody clicks in."""
    return sign_in_by_link(request, {})


def operator_page(request: Request) -> Response:
    require_operator(viewer_of(request))
    return PlainTextResponse("operator")


def rename(request: Request, form: Form) -> Response:
    require_person(viewer_of(request))
    with context_of(request).owning() as conn:
        conn.execute("UPDATE users SET display_name = %s WHERE id = %s", [form["to"], viewer_of(request).user_id])
    return PlainTextResponse("renamed")


PAGES = [
    Route("/who", who),
    Route("/come-in/{secret}", come_in_by_address),
    Route("/embed/who", who),
    Route("/u/{name}/{part}", part),
    Route("/settings", settings_page),
    Route("/operator", operator_page),
    Route("/rename", form_endpoint(rename), methods=["POST"]),
]


def web(context: Context) -> Any:
    return application(context, pages=[*access_routes(context.settings), *PAGES])


@pytest.fixture
def context(database_url: str, redis_url: str, tmp_path: Path) -> Context:
    return web_context(database_url, tmp_path, redis_url=redis_url, public_hosts="myi.example.com")


@pytest.fixture
def server(context: Context) -> Iterator[Server]:
    with serving(web(context)) as running:
        yield running


@pytest.fixture
def anna(conn: Connection) -> User:
    return known_or_new_user(conn, "anna")


@pytest.fixture
def bob(conn: Connection) -> User:
    return known_or_new_user(conn, "bob")


def come_in(server: Server, conn: Connection, user: User | None) -> dict[str, str]:
    """The cookies of a browser that has followed a link."""
    answer = server.submit(make_link(conn, user.id if user else None), {})
    assert answer.status == 303
    return dict(answer.cookies)


def sign_in(server: Server, name: str, password: str, target: str = "/who", **headers: str) -> Answer:
    return server.submit("/sign-in", {"name": name, "password": password, "next": target})


def test_a_link_signs_in_once_by_a_button(server: Server, conn: Connection, anna: User) -> None:
    link = make_link(conn, anna.id)
    for method in ("HEAD", "GET", "GET"):  # as a preview in a chat does
        looked = server.ask(method, link)
        assert (looked.status, dict(looked.cookies)) == (200, {})
    assert "know you as anna" in looked.text
    assert '<form method="post"' in looked.text
    assert server.ask("POST", link, {"Sec-Fetch-Site": "cross-site"}).status == 403
    answer = server.submit(link, {})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    [cookie] = answer.set_cookies
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert server.get("/who", answer.cookies).text.startswith(f"listener {anna.id} ")
    for again in (server.get(link), server.submit(link, {})):
        assert again.status == 410
        assert "This link has been used" in again.text
        assert not again.cookies
    assert server.get("/who", come_in(server, conn, None)).text.startswith("operator None")
    assert server.get("/who").text.startswith("stranger")


def test_a_password_signs_in_and_the_session_is_a_new_one(server: Server, conn: Connection, anna: User) -> None:
    set_password(conn, anna.id, PASSWORD)
    assert 'name="password"' in server.get("/sign-in?next=/settings").text
    before = come_in(server, conn, anna)
    answer = server.submit("/sign-in", {"name": " ANNA", "password": PASSWORD, "next": "/who"}, before)
    assert (answer.status, answer.headers["location"]) == (303, "/who")
    assert set(answer.cookies.values()).isdisjoint(before.values())
    assert server.get("/who", before).text.startswith("stranger")
    assert server.get("/who", answer.cookies).text.startswith(f"listener {anna.id}")
    for name, password in (("anna", "wrong"), ("nobody", PASSWORD), ("", PASSWORD), ("anna", ""), ("\0", "x")):
        wrong = sign_in(server, name, password)
        assert wrong.status == 403
        assert "do not belong together" in wrong.text
        assert not wrong.cookies


def test_the_operators_password_may_be_a_setting(database_url: str, redis_url: str, tmp_path: Path) -> None:
    context = web_context(database_url, tmp_path, redis_url=redis_url, web_password="of the settings")
    with serving(web(context)) as server:
        assert sign_in(server, "", "of the setting").status == 403
        assert server.get("/who", sign_in(server, "", "of the settings").cookies).text.startswith("operator")


def test_whoever_tries_too_often_waits_at_every_process(context: Context, conn: Connection, anna: User) -> None:
    set_password(conn, anna.id, PASSWORD)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(web(one))) for one in (context, again(context))]
        for number in range(5):
            assert sign_in(servers[number % 2], "anna", f"wrong {number}").status == 403
        for server in servers:
            refused = sign_in(server, "Anna", PASSWORD)
            assert refused.status == 429
            assert int(refused.headers["retry-after"]) > 600
            assert "Wait 15 minutes" in refused.text


def test_other_spellings_of_a_name_are_tries_for_the_same_listener(server: Server, conn: Connection) -> None:
    priv = known_or_new_user(conn, "priv")
    set_password(conn, priv.id, PASSWORD)
    spellings = [
        "priv",
        "PRIV",
        "pr\N{LATIN SMALL LETTER DOTLESS I}v",
        " Priv",
        "\N{FULLWIDTH LATIN SMALL LETTER P}riv",
    ]
    meant = [name for name in spellings if (user := find_user(conn, name)) and user.id == priv.id]
    assert len(meant) > 3
    for number in range(5):
        assert sign_in(server, meant[number % len(meant)], f"wrong {number}").status == 403
    assert {sign_in(server, name, PASSWORD).status for name in meant} == {429}


def again(context: Context) -> Context:
    """The context of a second process, which shares nothing but the servers."""
    settings = context.settings
    return web_context(
        settings.database_url, settings.home, redis_url=settings.redis_url, public_hosts=settings.public_hosts
    )


def test_two_processes_behind_one_address_know_the_same_people(context: Context, conn: Connection, anna: User) -> None:
    with serving(web(context)) as one, serving(web(again(context))) as other:
        behind = {"Host": "myi.example.com"}
        form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        answer = one.ask("POST", make_link(conn, anna.id), behind | form, "")
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}
        for server in (other, one, other):
            assert server.ask("GET", "/who", behind | cookies).text.startswith(f"listener {anna.id}")
        assert other.ask("POST", "/sign-out", behind | cookies | form, "").status == 200
        assert one.ask("GET", "/who", behind | cookies).text.startswith("stranger")


def test_signing_out_ends_the_session(server: Server, conn: Connection, anna: User) -> None:
    cookies = come_in(server, conn, anna)
    assert server.ask("GET", "/sign-out", cookies=cookies).status == 405
    answer = server.submit("/sign-out", {}, cookies)
    assert "Signed out" in answer.text
    assert "Max-Age=0" in answer.set_cookies[0]
    assert server.get("/who", cookies).text.startswith("stranger")


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/u/anna?range=2024&by=time", "/u/anna?range=2024&by=time"),
        ("https://attacker.test/", "/"),
        ("//attacker.test/", "/"),
        ("/\\attacker.test/", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_pages_of_ours_only(
    server: Server, conn: Connection, anna: User, target: str, leads_to: str
) -> None:
    set_password(conn, anna.id, PASSWORD)
    assert sign_in(server, "anna", PASSWORD, target).headers["location"] == leads_to


def test_a_page_that_needs_somebody_leads_to_signing_in_and_back(server: Server) -> None:
    answer = server.get("/settings?a=1&b=2")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=%2Fsettings%3Fa%3D1%26b%3D2")
    form = server.get(answer.headers["location"]).text
    [target] = re.findall(r'name="next" value="([^"]*)"', form)
    assert html.unescape(target) == "/settings?a=1&b=2"
    assert server.ask("GET", "/settings", {"Accept": "application/json"}).status == 401
    hostile = server.get("/sign-in?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in hostile


def test_every_viewer_gets_what_the_rules_say(server: Server, conn: Connection, anna: User, bob: User) -> None:
    """Route by viewer by flag, over HTTP; all combinations of the rules are tested without it."""
    cookies = {
        "anna": come_in(server, conn, anna),
        "bob": come_in(server, conn, bob),
        "operator": come_in(server, conn, None),
    }
    rights = ("stats:read", "history:read", "listens:write", "corrections:write", "embed:read")
    tokens = {right: make_token(conn, anna.id, "test", [right]).text for right in rights}
    bobs = make_token(conn, bob.id, "test", ["stats:read", "history:read"]).text

    def seen(part: Part) -> set[str]:
        path = f"/u/anna/{part.name}"
        statuses = {name: server.get(path, of).status for name, of in cookies.items()}
        statuses |= {
            right: server.ask("GET", path, {"Authorization": f"Bearer {token}"}).status
            for right, token in tokens.items()
        }
        statuses["bob's token"] = server.ask("GET", path, {"Authorization": f"token {bobs}"}).status
        statuses["stranger"] = server.get(path).status
        assert set(statuses.values()) <= {200, 404}
        return {name for name, status in statuses.items() if status == 200}

    own = {"anna", "operator"}
    everybody = {*own, *rights, "bob", "bob's token", "stranger"}
    private = {
        Part.PROFILE: {*own, "stats:read", "history:read"},
        Part.TOP_TRACKS: {*own, "stats:read"},
        Part.TOP_ARTISTS: {*own, "stats:read"},
        Part.LISTENING_TIME: {*own, "stats:read"},
        Part.STATS: {*own, "stats:read"},
        Part.HISTORY: {*own, "history:read"},
        Part.EMBED: {*own, "stats:read", "embed:read"},
        Part.COMPARISON: own,
        Part.SUBMIT: {"anna", "listens:write"},
        Part.IMPORT: {*own, "listens:write"},
        Part.CORRECT: {*own, "corrections:write"},
        Part.MANAGE: own,
    }
    assert {part: seen(part) for part in Part} == private
    conn.execute(
        "UPDATE user_settings SET share_top_artists = true, share_history = true WHERE user_id = %s", [anna.id]
    )
    assert {part: seen(part) for part in Part} == private
    conn.execute("UPDATE user_settings SET is_public_profile = true WHERE user_id = %s", [anna.id])
    public = {Part.PROFILE, Part.TOP_ARTISTS, Part.HISTORY}
    assert {part: seen(part) for part in Part} == private | dict.fromkeys(public, everybody)
    conn.execute("UPDATE user_settings SET is_public_profile = false, allows_comparison = true")
    assert seen(Part.COMPARISON) == {*own, "bob"}
    unknown, hidden = server.get("/u/nobody/PROFILE"), server.get("/u/anna/PROFILE")
    assert (unknown.status, unknown.body) == (hidden.status, hidden.body)
    assert [server.get("/operator", of).status for of in cookies.values()] == [404, 404, 200]


def test_tokens_come_in_a_header_and_only_narrow_ones_in_an_address(
    server: Server, conn: Connection, anna: User
) -> None:
    stats, embed = (make_token(conn, anna.id, "test", [right]).text for right in ("stats:read", "embed:read"))
    assert server.ask("GET", "/who", {"Authorization": f"BEARER {stats}"}).text.startswith(f"token {anna.id}")
    assert server.ask("GET", "/who", {"Authorization": f"Token {stats}"}).text.startswith(f"token {anna.id}")
    for wrong in ("myi_x", "x" * 5_000, "é"):
        refused = server.ask("GET", "/who", {"Authorization": f"Bearer {wrong}", "Accept": "application/json"})
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    assert server.get(f"/who?token={stats}").text.startswith("stranger")
    assert server.get(f"/who?token={embed}").text.startswith("stranger")
    assert server.get(f"/embed/who?token={embed}").text.startswith(f"token {anna.id}")
    assert server.ask("GET", f"/embed/who?token={stats}").status == 401
    assert server.get("/embed/who", come_in(server, conn, anna)).text.startswith("stranger")


def test_a_trusted_proxy_says_who_asks_and_nobody_else_does(
    database_url: str, tmp_path: Path, conn: Connection, anna: User
) -> None:
    said = {"X-Remote-User": "anna", "X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 10.1.2.3, 127.0.0.9"}
    options: dict[str, Any] = {"trusted_proxy_header": "X-Remote-User", "public_hosts": "myi.example.com"}
    with serving(web(web_context(database_url, tmp_path, trusted_proxies="127.0.0.0/8", **options))) as server:
        assert server.ask("GET", "/who", said).text == f"listener {anna.id} https 10.1.2.3"
        assert server.ask("GET", "/who", {**said, "X-Remote-User": "nobody"}).text == "stranger None https 10.1.2.3"
        for forwarded, address in (
            ("10.1.2.3:5001", "10.1.2.3"),
            ("10.1.2.3:5001, 127.0.0.9:443", "10.1.2.3"),
            ("[2001:db8::1]:5001", "2001:db8::1"),
            ("unknown", "127.0.0.1"),
            ("10.1.2.3, unknown", "127.0.0.1"),
        ):
            asked = {**said, "X-Forwarded-For": forwarded}
            assert server.ask("GET", "/who", asked).text == f"listener {anna.id} https {address}"
        assert server.ask("GET", "/embed/who", said).text.startswith("stranger")
        cookie = server.ask("POST", make_link(conn, anna.id), said | {"Sec-Fetch-Site": "same-origin"}).set_cookies[0]
        assert cookie.startswith("__Host-myi=")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        assert "max-age=" in server.ask("GET", "/who", said).headers["strict-transport-security"]
    with serving(web(web_context(database_url, tmp_path, trusted_proxies="10.0.0.0/8", **options))) as server:
        assert server.ask("GET", "/who", said).text == "stranger None http 127.0.0.1"


def attack(port: int) -> str:
    """A page that tries to act as whoever is signed in."""
    url = f"http://127.0.0.1:{port}"
    return f"""<!doctype html><body>
    <img src="{url}/embed/who"><img src="{url}/who">
    <iframe src="{url}/settings"></iframe><iframe name="hidden"></iframe>
    <form id="form" method="post" target="hidden" action="{url}/rename"><input name="to" value="attacked"></form>
    <form id="out" method="post" target="hidden" action="{url}/sign-out"></form>
    <script>
      const body = new URLSearchParams({{to: "attacked"}});
      document.getElementById("form").submit();
      document.getElementById("out").submit();
      fetch("{url}/rename", {{method: "POST", mode: "no-cors", credentials: "include", body}});
      fetch("{url}/who", {{credentials: "include"}}).then(a => a.text()).then(t => document.title = "read " + t);
    </script>"""


@pytest.mark.skipif(browser.installed() is None, reason=browser.NONE_INSTALLED)
def test_a_page_in_the_users_browser_changes_and_reads_nothing(
    server: Server, conn: Connection, anna: User, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    secret = make_link(conn, anna.id).removeprefix(PATH)
    browser.open_page(f"{server.url}/come-in/{secret}", profile)
    assert f"listener {anna.id}" in browser.open_page(f"{server.url}/who", profile), "the browser is not signed in"

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(attack(server.port).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as attacker:
        Thread(target=attacker.serve_forever, daemon=True).start()
        for host in (ATTACKER, "127.0.0.1", "localhost"):
            shown = browser.open_page(
                f"http://{host}:{attacker.server_port}/", profile, foreign=[ATTACKER, "localhost"]
            )
            assert "<img" in shown
            assert "<title>read" not in shown
        rebound = browser.open_page(f"http://{ATTACKER}:{server.port}/who", profile, foreign=[ATTACKER])
        assert f"refused: the host {ATTACKER}:{server.port} is not ours" in rebound
        attacker.shutdown()
    assert conn.execute("SELECT display_name FROM users WHERE id = %s", [anna.id]).fetchone() == (None,)
    assert f"listener {anna.id}" in browser.open_page(f"{server.url}/who", profile)


@pytest.mark.parametrize("origin", ["http://[", "http://[x]", "http://\u00e9[", "http://a]b"])
def test_an_origin_that_is_no_address_is_not_ours(server: Server, conn: Connection, anna: User, origin: str) -> None:
    mine = come_in(server, conn, anna)
    for method, path in (("GET", "/who"), ("POST", "/rename")):
        refused = server.ask(method, path, {"Origin": origin, "Sec-Fetch-Site": "same-origin"}, cookies=mine)
        assert refused.status == 403


ODD_COOKIES = (
    b"[" * 3_000,
    b'{"state": "s", "x": ' + b"[" * 2_900,
    b'{"state": "\\ud800"}',
    b'{"state": "s"}',
    b'{"state": "s", "verifier": "\\ud800"}',
    b'{"state": "s", "verifier": 1, "link": "x"}',
    b'{"state": ["s"]}',
    b"\xff",
    b"",
)


@pytest.mark.parametrize("kept", ODD_COOKIES)
def test_a_cookie_that_we_have_not_made_leads_nowhere(server: Server, kept: bytes) -> None:
    for cookie in (base64.urlsafe_b64encode(kept).decode(), kept.decode("latin-1").replace('"', "")):
        answer = server.get("/auth/callback?state=s&code=c", {f"myi_{server.port}_spotify": cookie})
        assert answer.status in (400, 403)


def test_our_own_forms_work(server: Server, conn: Connection, anna: User) -> None:
    assert server.submit("/rename", {"to": "Anna P."}, come_in(server, conn, anna)).text == "renamed"
    assert conn.execute("SELECT display_name FROM users WHERE id = %s", [anna.id]).fetchone() == ("Anna P.",)
    large = "to=" + "x" * 70_000
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    assert server.ask("POST", "/rename", headers, large, come_in(server, conn, anna)).status == 413


def test_figures_are_for_the_operator_and_a_token_that_may_read_them(
    server: Server, conn: Connection, anna: User
) -> None:
    may, may_not = make_token(conn, None, "test", ["metrics:read"]), make_token(conn, anna.id, "test", ["stats:read"])
    server.get("/who")
    answer = server.ask("GET", "/metrics", {"Authorization": f"Bearer {may.text}"})
    assert 'myi_web_request_seconds_bucket{le="0.001",method="GET",route="/who",status="200"}' in answer.text
    assert server.get("/metrics", come_in(server, conn, None)).status == 200
    assert server.get("/metrics", come_in(server, conn, anna)).status == 404
    assert server.get("/metrics").status == 404
    assert server.ask("GET", "/metrics", {"Authorization": f"Bearer {may_not.text}"}).status == 404


def test_another_address_than_loopback_needs_a_way_to_sign_in(conn: Connection, tmp_path: Path) -> None:
    def settings(**values: Any) -> Settings:
        return load_settings(home=tmp_path, web_host="0.0.0.0", **values)

    require_way_in(load_settings(home=tmp_path), conn)
    require_way_in(settings(web_password="of the operator"), conn)
    require_way_in(settings(trusted_proxies="10.0.0.1", trusted_proxy_header="X-User"), conn)
    for values in ({}, {"trusted_proxies": "10.0.0.1"}, {"trusted_proxy_header": "X-User"}):
        with pytest.raises(NobodyCanSignIn, match=r"^MYI_WEB_HOST=0\.0\.0\.0 lets other machines in: set a password"):
            require_way_in(settings(**values), conn)
    set_password(conn, None, PASSWORD)
    require_way_in(settings(), conn)


def test_spotify_links_an_account_and_signs_in_whom_it_is_linked_to(
    database_url: str, redis_url: str, tmp_path: Path, conn: Connection, anna: User
) -> None:
    port = free_port()
    with Simulator(Setup(users=2, client_id="my-client")) as simulator:
        spotify: dict[str, Any] = {"spotify_accounts_url": simulator.url, "spotify_api_url": simulator.url}
        spotify |= {"spotify_client_id": "my-client", "spotify_redirect_uri": f"http://127.0.0.1:{port}/auth/callback"}
        first, second = (user.name for user in simulator.control.users())

        running = Server(port)

        def linked() -> list[tuple[str]]:
            return conn.execute("SELECT spotify_id FROM users WHERE spotify_id IS NOT NULL").fetchall()

        def by_spotify(path: str, listener: str, cookies: dict[str, str], *, other: bool = False) -> Answer:
            """A browser is sent to Spotify, agrees there, and comes back; or another browser comes."""
            begun = running.get(path, cookies)
            back = simulator.control.approve(begun.headers["location"], listener, deny=listener == "nobody")
            kept = {} if other else {**cookies, **begun.cookies}
            return running.get(back.removeprefix(running.url), kept, Sec_Fetch_Site="cross-site", **NAVIGATION)

        context = web_context(database_url, tmp_path, redis_url=redis_url, **spotify)
        with serving(web(context), port):
            assert "Sign in with Spotify" in running.get("/sign-in").text
            unknown = by_spotify("/auth/spotify", first, {})
            assert (unknown.status, "Nobody here has this Spotify account" in unknown.text) == (403, True)
            assert running.get("/auth/spotify?link=yes").headers["location"].startswith("/sign-in")
            mine = come_in(running, conn, anna)
            assert by_spotify("/auth/spotify?link=yes&next=/settings", first, mine).headers["location"] == "/settings"
            assert conn.execute("SELECT user_id FROM spotify_auth").fetchall() == [(anna.id,)]
            [first_account] = linked()
            answer = by_spotify("/auth/spotify?next=/who", first, {})
            assert answer.headers["location"] == "/who"
            assert running.get("/who", answer.cookies).text.startswith(f"listener {anna.id}")
            assert by_spotify("/auth/spotify", second, {}).status == 403
            assert "You did not allow it" in html.unescape(by_spotify("/auth/spotify", "nobody", {}).text)
            assert by_spotify("/auth/spotify", first, {}, other=True).status == 400

            conn.execute("UPDATE users SET total_play_count = 7")
            spotify_accounts.unlink(conn, anna.id)
            asked = by_spotify("/auth/spotify?link=yes&next=/settings", second, mine)
            assert asked.status == 409
            assert "history of another Spotify account" in html.unescape(asked.text)
            [way] = re.findall(r'class="button" href="([^"]+)"', asked.text)
            way = html.unescape(way)
            assert linked() == [first_account]
            assert by_spotify(way, second, mine).status == 409  # a link from elsewhere, in a browser not asked
            assert by_spotify(way, second, {**mine, **asked.cookies}).headers["location"] == "/settings"
            assert linked() != [first_account]

            attempt = begin_login(app_of(context.settings))
            assert answers_at(context.settings.spotify_redirect_uri)
            arrived: list[Answer] = []

            def agree() -> None:
                back = simulator.control.approve(attempt.url, second)
                arrived.append(running.get(back.removeprefix(running.url), Sec_Fetch_Site="cross-site", **NAVIGATION))

            received = received_by_web_server(conn, context.settings, attempt, 10, agree)
            assert "your terminal says how it went" in arrived[0].text
            assert code_in(attempt, received)
            assert conn.execute("SELECT count(*) FROM awaited_logins").fetchone() == (0,)
