"""What programs change: corrections, imports, tokens; and who may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.serving.process import assembled
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

JSON = {"Content-Type": "application/json"}
WRITES: list[tuple[str, str, object, str]] = [
    ("POST", "/corrections", {"kind": "artist", "name": "Artist 1"}, "corrections:write"),
    ("DELETE", "/corrections/1", None, "corrections:write"),
    ("DELETE", "/imports/1", None, "corrections:write"),
    ("POST", "/imports?file=x.zip", b"PK", "listens:write"),
    ("POST", "/tokens", {"name": "x", "rights": ["stats:read"]}, ""),
    ("DELETE", "/tokens/1", None, ""),
]
"""Method, address, body, and the right that a token needs; none where no token may."""


class Site(NamedTuple):
    server: Server
    warehouse: Warehouse
    uploads: Path
    session: dict[str, str]
    """The cookie of the listener's browser, as a header."""

    def send(self, method: str, path: str, headers: dict[str, str], body: object = None) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body) if body is not None else None
        return self.server.ask(method, f"/api/v1/users/anna{path}", {**JSON, **headers}, content)

    def token(self, *rights: str, user: str = "anna") -> dict[str, str]:
        with closing(connect(self.warehouse.conn.info.dsn)) as owner:
            made = make_token(owner, self.warehouse.user(user, "UTC"), "a test", rights)
        return {"Authorization": f"Bearer {made.text}"}

    def plays(self) -> int:
        answer = self.send("GET", "/totals?range=all", self.token("stats:read"))
        return int(answer.json["data"]["current"]["play_count"])


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with open_warehouse(database_url) as warehouse:
        user_id = warehouse.user("anna", "UTC")
        begins = datetime(2024, 5, 1, 9, tzinfo=UTC)
        ended = [begins + timedelta(hours=number) for number in range(12)]
        tracks = [
            Track(f"{number % 3:022}", f"Song {number % 3}", f"Artist {number % 3}", "Album") for number in range(12)
        ]
        plays = [Play(track, CONTEXT, at, at, 60_000, None) for track, at in zip(tracks, ended, strict=True)]
        warehouse.land(user_id, plays, batch_rows=50)
        warehouse.settle([user_id])
        with closing(connect(database_url)) as owner:
            secret = begin_session(owner, user_id, Method.LINK, "a test")
        with serving(assembled(web_context(database_url, tmp_path, uploads=tmp_path / "uploads"))) as server:
            cookie = {"Cookie": f"myi_{server.port}={secret}", "Origin": server.url}
            yield Site(server, warehouse, tmp_path / "uploads", cookie)


def test_a_program_hides_shows_again_and_undoes_an_import(site: Site) -> None:
    may = site.token("corrections:write")
    hidden = site.send("POST", "/corrections", may, {"kind": "artist", "name": "Artist 1"})
    assert (hidden.status, hidden.json["data"]["more_plays"], site.plays()) == (201, -4, 8)
    again = site.send("POST", "/corrections", may, {"kind": "artist", "name": "Artist 1"})
    assert again.json["data"]["is_new"] is False
    [one] = site.send("GET", "/corrections", may).json["data"]
    assert site.send("DELETE", f"/corrections/{one['id']}", may).json["data"]["more_plays"] == 4
    assert site.send("DELETE", f"/corrections/{one['id']}", may).status == 404
    period = {"kind": "period", "first": "2024-05-01", "last": "2024-05-01"}
    assert site.send("POST", "/corrections", may, period).json["data"]["more_plays"] == -12
    for first, last in (("0001-01-01", "2024-05-01"), ("2024-05-01", "9999-12-31"), ("0001-01-01", "9999-12-31")):
        odd = site.send("POST", "/corrections", may, {"kind": "period", "first": first, "last": last})
        assert (odd.status, "is no time" in odd.text) == (400, True)
    for wrong in ({"kind": "song"}, {"kind": "everything"}, {"kind": "song", "name": "No such song"}, {}):
        assert site.send("POST", "/corrections", may, wrong).status == 400
    [job] = site.send("GET", "/imports", site.token("listens:write")).json["data"]
    assert site.send("DELETE", f"/imports/{job['id']}", may).status == 200
    assert site.send("DELETE", "/imports/999", may).status == 404


def test_a_program_uploads_an_export(site: Site) -> None:
    may = site.token("listens:write") | {"Content-Type": "application/octet-stream"}
    sent = site.send("POST", "/imports?file=my%20data.zip", may, b"PK-like")
    assert (sent.status, sent.json["data"]) == (201, {"name": "my data.zip", "size": 7})
    assert (site.uploads / "anna" / "my data.zip").read_bytes() == b"PK-like"
    assert site.send("POST", "/imports?file=x.exe", may, b"MZ").status == 400


def test_an_upload_that_cannot_be_kept_says_why(site: Site) -> None:
    site.uploads.write_text("a file where the folder of uploads should be")
    program = site.token("listens:write") | {"Content-Type": "application/octet-stream"}
    page = {**site.session, "Accept": "text/html"}
    for sent in (
        site.send("POST", "/imports?file=x.zip", program, b"PK"),
        site.server.ask("POST", "/u/anna/imports/upload?file=x.zip", page, b"PK"),
    ):
        assert sent.status == 503
        assert "The folder of uploads cannot be written to" in sent.text
        assert "MYI_UPLOADS" in sent.text
        assert "database" not in sent.text


def test_a_token_is_made_and_revoked_by_who_is_signed_in(site: Site) -> None:
    made = site.send("POST", "/tokens", site.session, {"name": "dashboard", "rights": ["stats:read"]})
    assert made.status == 201
    token: dict[str, Any] = made.json["data"]
    bearer = {"Authorization": f"Bearer {token['text']}"}
    assert site.send("GET", "/totals?range=all", bearer).status == 200
    listed = site.send("GET", "/tokens", site.session)
    assert "text" not in listed.json["data"][0]
    assert site.send("POST", "/tokens", site.session, {"name": "x", "rights": ["everything"]}).status == 400
    assert site.send("DELETE", f"/tokens/{token['id']}", site.session).status == 204
    assert site.send("DELETE", f"/tokens/{token['id']}", site.session).status == 404
    assert site.send("GET", "/totals?range=all", bearer).status == 401


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_token_has_an_end_that_everybody_can_read(site: Site, ends: str) -> None:
    wanted = {"name": "dashboard", "rights": ["stats:read"]}
    assert site.send("POST", "/tokens", site.session, {**wanted, "expires_at": ends}).status == 400
    assert site.send("GET", "/tokens", site.session).json["data"] == []


def test_nobody_writes_who_may_not(site: Site) -> None:
    site.warehouse.user("bob", "UTC")
    rights = ("stats:read", "history:read", "listens:write", "corrections:write", "embed:read")
    tokens = {right: site.token(right) for right in rights}
    for method, path, body, needed in WRITES:
        refused = [{}, site.token("corrections:write", "listens:write", user="bob")]
        refused += [token for right, token in tokens.items() if right != needed]
        for headers in refused:
            assert site.send(method, path, headers, body).status in (401, 403, 404), (method, path, headers)
        foreign = site.session | {"Origin": "http://attacker.test"}
        assert site.send(method, path, foreign, body).status == 403
    assert site.plays() == 12
