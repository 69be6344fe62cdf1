"""The web server around its pages: what each answer carries, and what is said when something is wrong."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import brotli
import psycopg
import pytest
import zstandard
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from myi_pipelines.runtime.ports import free_port
from myi_pipelines.serving.asgi.etags import etag_of, not_modified, with_etag
from myi_pipelines.serving.asgi.static_files import StaticFiles
from myi_pipelines.serving.context import Context, context_of, nobody, reader_pool
from myi_pipelines.serving.server import application
from myi_pipelines_tests.support.web import Server, serving, wait_until, web_context

SECRET_NAME = "Anna Perenna"


def long_text(request: Request) -> Response:
    return PlainTextResponse("plays and more plays. " * 200)


def secret_text(request: Request) -> Response:
    return PlainTextResponse("once " * 400, headers={"Cache-Control": "no-store"})


def mistake(request: Request) -> Response:
    raise RuntimeError(f"no such listener: {SECRET_NAME}")


def version(request: Request) -> Response:
    etag = etag_of(request.query_params["version"], context_of(request).version)
    return not_modified(request, etag) or with_etag(PlainTextResponse("made"), etag)


def written(request: Request) -> Response:
    with context_of(request).reading() as conn:
        conn.execute("INSERT INTO users (name) VALUES ('written')")
    return PlainTextResponse("written")


def listeners(request: Request) -> Response:
    with context_of(request).reading() as conn:
        return PlainTextResponse(str(conn.execute("SELECT count(*) FROM users").fetchone()))


PAGES = [
    Route("/text", long_text),
    Route("/secret", secret_text),
    Route("/u/{name}/mistake", mistake),
    Route("/version", version),
    Route("/written", written, methods=["GET", "POST"]),
    Route("/listeners", listeners),
    Route("/embed/text", long_text),
]


@contextmanager
def running(url: str, folder: Path) -> Iterator[tuple[Server, Context]]:
    context = web_context(url, folder, nobody, public_hosts="myi.example.com")
    with serving(application(context, pages=PAGES)) as server:
        yield server, context


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with running(database_url, tmp_path) as (server, _):
        yield server


def test_answers_are_compressed_as_the_client_understands(server: Server) -> None:
    plain = server.ask("GET", "/text")
    assert "content-encoding" not in plain.headers
    unpack = {
        "gzip": gzip.decompress,
        "br": brotli.decompress,
        "zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    for accepted, coding in {
        "gzip, deflate, br, zstd": "br",
        "gzip, zstd": "zstd",
        "gzip;q=0.5, br;q=0": "gzip",
        "*": "br",
    }.items():
        answer = server.ask("GET", "/text", {"Accept-Encoding": accepted})
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) == len(answer.body) < 200
        assert unpack[coding](answer.body) == plain.body
    assert "content-encoding" not in server.ask("GET", "/text", {"Accept-Encoding": "gzip;q=0"}).headers
    assert "content-encoding" not in server.ask("GET", "/healthz", {"Accept-Encoding": "gzip"}).headers
    assert "content-encoding" not in server.ask("GET", "/secret", {"Accept-Encoding": "gzip"}).headers


def test_static_files_are_kept_for_good_and_have_new_addresses_when_one_changes(
    database_url: str, tmp_path: Path
) -> None:
    style = tmp_path / "static" / "app.css"
    style.parent.mkdir()
    style.write_text("body { color: black }\n" * 100)
    context = replace(web_context(database_url, tmp_path, nobody), static=StaticFiles(style.parent))
    with serving(application(context)) as server:
        url = context.static.url("app.css")
        answer = server.ask("GET", url, {"Accept-Encoding": "br"})
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert brotli.decompress(answer.body) == style.read_bytes()
        other_version = server.ask("GET", url.replace(context.static.version, "0" * 12))
        assert (other_version.status, other_version.headers["cache-control"]) == (200, "no-cache")
        assert server.ask("GET", url.replace("app.css", "../../settings.py")).status == 404
    (style.parent / "more.css").write_text("b {}")
    changed = StaticFiles(style.parent)
    assert changed.url("app.css") != url
    with pytest.raises(LookupError, match=r"nothing\.css"):
        changed.url("nothing.css")


def test_every_answer_has_the_headers_that_protect_it(server: Server) -> None:
    for path in ("/text", "/nothing", "/healthz", "/u/x/mistake"):
        headers = server.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'; script-src 'self'; style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    embedded = server.ask("GET", "/embed/text").headers
    assert "frame-ancestors *" in embedded["content-security-policy"]
    assert embedded["cross-origin-resource-policy"] == "cross-origin"
    assert "x-frame-options" not in embedded


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    first = server.ask("GET", "/version?version=1")
    assert first.headers["cache-control"] == "private, no-cache"
    again = server.ask("GET", "/version?version=1", {"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    changed = server.ask("GET", "/version?version=2", {"If-None-Match": first.headers["etag"]})
    assert (changed.status, changed.text) == (200, "made")


def test_a_mistake_is_told_plainly_and_the_log_holds_no_name(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        answer = server.get(f"/u/{SECRET_NAME.replace(' ', '%20')}/mistake?token=abc")
    assert answer.status == 500
    assert "our mistake" in answer.text
    number = answer.text.partition("Its number is ")[2][:8]
    assert f"mistake {number}: builtins.RuntimeError" in caplog.text
    wait_until(lambda: "GET /u/{name}/mistake 500" in caplog.text)
    assert "test_server.py" in caplog.text
    assert "Anna" not in caplog.text + answer.text
    assert "token" not in caplog.text


def test_programs_get_errors_as_json(server: Server) -> None:
    answer = server.ask("GET", "/nothing", {"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 404
    assert server.ask("POST", "/healthz", {"Content-Type": "application/json"}).status == 405


def test_pages_cannot_write(server: Server, conn: psycopg.Connection) -> None:
    assert server.get("/written").status == 500
    assert server.submit("/written", {}).status == 500
    assert conn.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_a_database_that_is_away_is_told_and_comes_back(database_url: str, tmp_path: Path) -> None:
    away = reader_pool(f"postgresql://127.0.0.1:{free_port()}/myi")
    away.timeout = 0.2
    context = replace(web_context(database_url, tmp_path, nobody), pool=away, quick=away)
    with serving(application(context, pages=PAGES)) as server:
        answer = server.get("/listeners")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "database is away" in answer.text
        assert server.ask("GET", "/healthz").status == 503
    with running(database_url, tmp_path) as (server, context):
        assert server.get("/listeners").text == "(0,)"
        with psycopg.connect(str(context.pool.conninfo)) as reader:
            reader.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'myi web'"
            )
        assert server.get("/listeners").text == "(0,)"


def test_only_pages_of_ours_and_programs_are_answered(server: Server) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json_body = {"Content-Type": "application/json"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    elsewhere = "http://attacker.test"
    refused = [
        ("GET", "/text", {"Host": "attacker.test"}),
        ("GET", "/embed/text", {"Host": "attacker.test"}),
        ("GET", "/text", {"Origin": elsewhere}),
        ("GET", "/text", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("POST", "/nothing", form),
        ("POST", "/nothing", {}),
        ("POST", "/nothing", {**form, "Authorization": "Basic YTpi"}),
        ("POST", "/nothing", {**form, "Sec-Fetch-Site": "none"}),
        ("POST", "/nothing", {**form, "Sec-Fetch-Site": "same-site"}),
        ("POST", "/nothing", {**form, "Sec-Fetch-Site": "cross-site"}),
        ("POST", "/nothing", {**form, "Origin": elsewhere}),
        ("POST", "/nothing", {**form, "Origin": "null"}),
        ("POST", "/nothing", {**form, "Origin": "http://["}),
        ("POST", "/nothing", {**form, "Origin": "http://127.0.0.1:1"}),
        ("POST", "/nothing", {**form, "Host": "myi.example.com:3001", "Origin": "http://myi.example.com:3988"}),
        ("POST", "/nothing", {**form, "Host": "myi.example.com:3001", "Origin": "http://myi.example.com"}),
        ("POST", "/nothing", {**form, "Host": "myi.example.com", "Origin": "https://myi.example.com:8443"}),
        ("POST", "/nothing", {**form, "Origin": "https://myi.example.com:8443"}),
        ("POST", "/nothing", {**form, "Origin": elsewhere, "Sec-Fetch-Site": "same-origin"}),
        ("POST", "/nothing", {**form, "Origin": elsewhere, "Authorization": "Bearer x"}),
        ("POST", "/1/submit-listens", {"Host": "attacker.test"}),
        ("OPTIONS", "/text", {"Origin": elsewhere, "Access-Control-Request-Headers": "authorization"}),
        ("DELETE", "/nothing", link),
    ]
    for method, path, headers in refused:
        answer = server.ask(method, path, headers)
        assert (answer.status, answer.text[:9]) == (403, "refused: "), (method, path, headers)
    let_in = [
        ("GET", "/text", link, 200),
        ("GET", "/text", {"Host": "myi.example.com"}, 200),
        ("GET", "/embed/text", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, 200),
        ("GET", "/embed/text", {"Origin": elsewhere}, 200),
        ("POST", "/1/submit-listens", {**form, "Origin": "chrome-extension://abc", "Sec-Fetch-Site": "none"}, 404),
        ("POST", "/apis/mlj_1/newscrobble", {**form, "Origin": elsewhere, "Sec-Fetch-Site": "cross-site"}, 404),
        ("POST", "/nothing", {**form, "Sec-Fetch-Site": "same-origin"}, 404),
        ("POST", "/nothing", {**form, "Origin": server.url}, 404),
        ("POST", "/nothing", {**form, "Origin": "https://myi.example.com"}, 404),
        ("POST", "/nothing", {**form, "Host": "myi.example.com:8443", "Origin": "https://myi.example.com:8443"}, 404),
        ("POST", "/nothing", {**form, "Host": "myi.example.com:443", "Origin": "https://myi.example.com"}, 404),
        ("POST", "/nothing", json_body, 404),
        ("POST", "/nothing", {"Authorization": "Token abc"}, 404),
        ("PUT", "/nothing", {"Content-Type": "application/zip", "Sec-Fetch-Site": "same-origin"}, 404),
    ]
    for method, path, headers, status in let_in:
        assert server.ask(method, path, headers).status == status, (method, path, headers)


def test_requests_are_counted_by_route(database_url: str, tmp_path: Path) -> None:
    with running(database_url, tmp_path) as (server, context):
        server.get("/u/Anna/mistake")
        server.get("/text")
        server.get("/wp-login.php")
        wait_until(lambda: 'route="other"' in context.figures.exposition().decode())
        figures = context.figures.exposition().decode()
    assert 'myi_web_request_seconds_count{method="GET",route="/text",status="200"} 1.0' in figures
    assert 'route="/u/{name}/mistake",status="500"' in figures
    assert "Anna" not in figures
    assert "wp-login" not in figures
