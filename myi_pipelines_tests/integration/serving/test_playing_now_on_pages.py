"""What a program says is playing now stands on the overview and the history while it lasts, for those who may see
them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.serving.access.permissions import PRIVATE, Part, Sharing, parts_of
from myi_pipelines.serving.context import Context
from myi_pipelines.serving.playing_now import keep_playing_now
from myi_pipelines.serving.process import assembled
from myi_pipelines.serving.web import page as pages
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse.cover_images import keep_image
from myi_pipelines_tests.integration.serving.api.conftest import identify
from myi_pipelines_tests.integration.serving.api.test_who_may_see import SHARED, VIEWERS
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Answer, Server, serving, wait_until, web_context

ID = "4uLU6hMCjMI75M1A2tKUQC"
SONG = {"track_name": "Teardrop", "artist_name": "Massive Attack"}
EVIL = "<script>alert(1)</script>\"'&"
SELF = "listener 1"
PLACES = ("", "/history")


class Site(NamedTuple):
    server: Server
    context: Context
    warehouse: Warehouse
    user_id: int

    def say(self, seconds: int = 300, **more: Any) -> None:
        with self.context.keeping() as conn:
            keep_playing_now(conn, self.user_id, {**SONG, **more}, seconds)

    def be_silent(self) -> None:
        self.warehouse.conn.execute("DELETE FROM playing_now")

    def get(self, path: str = "", viewer: str = SELF, **headers: str) -> Answer:
        return self.server.get(f"/u/anna{path}", None, X_Viewer=viewer, **headers)

    def line(self, path: str = "", viewer: str = SELF) -> str | None:
        return line_of(self.get(path, viewer))


def line_of(answer: Answer) -> str | None:
    """What the page says is playing; None where it says nothing."""
    assert answer.status == 200
    found = re.search(r'<div id="playing"(.*?)</div>', answer.text, re.DOTALL)
    assert found
    return found[1] if "Playing now" in found[1] else None


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Anna has played one song, ten times."""
    folder = tmp_path_factory.mktemp("playing")
    with session_servers.database(database_name(__name__, worker_id)) as url, open_warehouse(url) as warehouse:
        user_id = warehouse.user("anna", "UTC")
        assert user_id == 1
        path: Path = folder / "Streaming_History_Audio_2025.json"
        path.write_text(json.dumps([row(number) for number in range(10)]))
        land_file(warehouse.session(), WaitingFile(path, user_id, Limits()))
        warehouse.settle([user_id])
        context = web_context(url, folder, identify, uploads=folder / "uploads")
        with serving(assembled(context)) as server:
            yield Site(server, context, warehouse, user_id)


@pytest.fixture(autouse=True)
def _silence(site: Site) -> Iterator[None]:
    yield
    site.be_silent()


def row(number: int) -> dict[str, object]:
    ended = datetime.now(UTC) - timedelta(hours=7 * number)
    return {
        "ts": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": 200_000,
        "master_metadata_track_name": "Teardrop",
        "master_metadata_album_artist_name": "Massive Attack",
        "master_metadata_album_album_name": "Mezzanine",
        "spotify_track_uri": f"spotify:track:{ID}",
    }


@pytest.mark.parametrize("path", PLACES)
def test_the_line_is_there_while_it_lasts_and_no_304_keeps_it_longer(site: Site, path: str) -> None:
    silent = site.get(path)
    assert line_of(silent) is None
    site.say(seconds=3)
    playing = site.get(path, If_None_Match=silent.headers["etag"])
    assert line_of(playing) is not None
    etag = playing.headers["etag"]
    assert site.get(path, If_None_Match=etag).status == 304
    wait_until(lambda: site.get(path, If_None_Match=etag).status == 200)
    assert line_of(site.get(path, If_None_Match=etag)) is None
    assert site.get(path, If_None_Match=silent.headers["etag"]).status == 304, "the page before it is right again"


def test_what_plays_next_takes_its_place(site: Site) -> None:
    site.say()
    etag = site.get().headers["etag"]
    site.say(track_name="Angel")
    answer = site.get(If_None_Match=etag)
    assert "Angel" in (line_of(answer) or "")
    site.say(track_name="Angel")
    assert site.get(If_None_Match=answer.headers["etag"]).status == 304, "the same said again changes nothing"


def test_a_song_that_the_listener_knows_has_links_and_its_cover(site: Site) -> None:
    site.say()
    line = site.line() or ""
    assert re.search(r'<a class="name" dir="auto" href="/u/anna/song/\d+[^"]*">Teardrop</a>', line)
    assert re.search(r'<a class="by" dir="auto" href="/u/anna/artist/\d+[^"]*">Massive Attack</a>', line)
    assert "<svg" in line
    site.warehouse.conn.execute("UPDATE albums SET image_url = 'https://i.scdn.co/image/1'")
    keep_image(site.warehouse.conn, "https://i.scdn.co/image/1", b"\xff\xd8\xff")
    site.say(track_name="Tear drop!", additional_info={"origin_url": f"https://open.spotify.com/track/{ID}"})
    line = site.line() or ""
    assert "/u/anna/song/" in line
    assert ">Tear drop!</a>" in line
    assert '<img src="/covers/' in line


def test_what_the_listener_never_played_is_text(site: Site) -> None:
    site.say(track_name="Never", artist_name="Heard", additional_info={"spotify_id": 5, "tags": ["x"]})
    for path in PLACES:
        line = site.line(path) or ""
        assert "href" not in line
        assert '<span class="name" dir="auto">Never</span>' in line
        assert '<span class="by" dir="auto">Heard</span>' in line
    assert "Playing now" in (site.line("?by=time") or "")


def test_names_are_text(site: Site) -> None:
    site.say(track_name=EVIL, artist_name=f"{EVIL}\x07", release_name=EVIL)
    line = site.line() or ""
    assert "<script" not in line
    assert "&lt;script&gt;alert(1)" in line
    assert "\x07" not in line


@pytest.mark.parametrize(
    "path",
    ["?range=2020", "/history?range=2020", "?artist=1", "/history?song=1", "/history?hour=8", "/history?skipped=yes",
     "/history?before=2025-01-01T00:00:00,1"],
)  # fmt: skip
def test_a_page_of_something_else_than_now_says_nothing(site: Site, path: str) -> None:
    site.say()
    assert site.line(path) is None


@pytest.mark.parametrize(
    "shared", SHARED, ids=lambda shared: "+".join(name for name, on in shared._asdict().items() if on)
)
def test_the_line_is_for_those_who_may_see_the_history(site: Site, shared: Sharing) -> None:
    site.say()
    statement = "UPDATE user_settings SET " + ", ".join(f"{name} = %({name})s" for name in Sharing._fields)
    site.warehouse.conn.execute(statement.encode(), shared._asdict())
    wrong = []
    try:
        for viewer, known in VIEWERS.items():
            parts = parts_of(known, site.user_id, shared)
            for path, part in (("", Part.PROFILE), ("/history", Part.HISTORY)):
                answer = site.get(path, viewer)
                if part not in parts:
                    expected = answer.status in (303, 404) and "Teardrop" not in answer.text
                elif Part.HISTORY in parts:
                    expected = "Playing now" in (line_of(answer) or "")
                    expected &= ("href" in (line_of(answer) or "")) == (Part.STATS in parts)
                else:
                    expected = line_of(answer) is None
                if not expected:
                    wrong.append((viewer, path, answer.status))
    finally:
        site.warehouse.conn.execute(statement.encode(), PRIVATE._asdict())
    assert wrong == []


def test_only_the_keeper_sees_the_table(site: Site) -> None:
    with site.context.reading() as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SELECT FROM playing_now")


def test_a_304_costs_one_statement_more_and_on_no_other_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.say()
    executed: list[object] = []
    execute = psycopg.Cursor.execute

    def counting(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        executed.append(query)
        return execute(cursor, query, *arguments, **options)

    etags = {path: site.get(path).headers["etag"] for path in ("", "/tops")}
    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    counts = {}
    for path, etag in etags.items():
        executed.clear()
        assert site.get(path, If_None_Match=etag).status == 304
        counts[path] = len(executed)
    assert counts == {"": 2, "/tops": 1}, "the listener with the version, and what is playing; nobody has a session"


def test_what_begins_while_a_page_is_made_is_in_the_next_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has the ETag of what it shows."""
    asked = pages.open_page
    calls: list[int] = []

    def saying(*arguments: Any) -> pages.Page:
        calls.append(1)
        if len(calls) == 2:
            site.say(track_name="Late")
        return asked(*arguments)

    monkeypatch.setattr(pages, "open_page", saying)
    first = site.get("?range=7d")
    assert line_of(first) is None
    assert "Late" in (line_of(site.get("?range=7d", If_None_Match=first.headers["etag"])) or "")


def test_a_listener_without_plays_sees_it_too(site: Site) -> None:
    other = site.warehouse.user("nobody", "UTC")
    with site.context.keeping() as conn:
        keep_playing_now(conn, other, SONG, 300)
    answer = site.server.get("/u/nobody", X_Viewer=f"listener {other}")
    assert "Teardrop" in (line_of(answer) or "")
