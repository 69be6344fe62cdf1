"""Pages and API before and after MusicBrainz has told genres and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.process import assembled
from myi_pipelines.simulator import Simulator
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.musicbrainz_fixtures import GenreHarness, open_genre_harness
from myi_pipelines_tests.support.web import Answer, Server, serving, web_context

pytestmark = pytest.mark.slow


class Site(NamedTuple):
    server: Server
    music: GenreHarness
    cookies: dict[str, str]

    def get(self, path: str, **headers: str) -> Answer:
        answer = self.server.get(path, self.cookies, **headers)
        assert answer.status in (200, 304), path
        return answer


@pytest.fixture
def site(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    with open_genre_harness(simulator, database_url, redis_url) as music:
        for artist in music.known_artists(4):
            music.play(music.tracks_of(artist, 3), 2)
        music.settle()
        with closing(connect(database_url)) as owner:
            secret = begin_session(owner, music.user_id, Method.LINK, "a test")
        with serving(assembled(web_context(database_url, tmp_path, uploads=tmp_path / "uploads"))) as server:
            yield Site(server, music, {f"myi_{server.port}": secret})


def test_genres_appear_on_pages_and_in_the_api_and_no_old_answer_stays(site: Site) -> None:
    page = "/u/ada/tops/genres?range=all"
    before = site.get(page)
    assert "MYI_MUSICBRAINZ_CONTACT" in before.text
    assert site.get(page, If_None_Match=before.headers["etag"]).status == 304

    site.music.fetch()

    genre = max(site.music.genres().values(), key=len)[0]
    after = site.get(page, If_None_Match=before.headers["etag"])
    assert after.status == 200
    assert genre in after.text
    assert "MusicBrainz" in after.text
    assert "MYI_MUSICBRAINZ_CONTACT" not in after.text
    listed = site.get("/api/v1/users/ada/tops/genres?range=all", Accept="application/json").json
    assert genre in str(listed)
    assert genre in site.get(f"/u/ada/genre?range=all&name={quote(genre)}").text
    assert "Genres" in site.get("/u/ada/trends").text


def test_lengths_appear_on_pages_and_in_the_api_and_tell_the_share_that_was_heard(site: Site) -> None:
    def data(path: str) -> Any:
        return site.get(f"/api/v1/users/ada/{path}", Accept="application/json").json["data"]

    def longest() -> tuple[int, int, int | None]:
        query = "SELECT id, song_id, duration_ms FROM tracks ORDER BY duration_ms DESC NULLS LAST, id LIMIT 1"
        [(track_id, song_id, length)] = site.music.warehouse.conn.execute(query).fetchall()
        return track_id, song_id, length

    assert " long." not in site.get(f"/u/ada/song/{longest()[1]}").text
    assert {one["value"] for one in data("share-heard?range=all")["shares"]} == {"unknown"}

    site.music.fetch()

    track_id, song_id, length = longest()
    assert length is not None
    minutes, seconds = divmod(round(length / 1000), 60)
    assert f"It is {minutes}:{seconds:02} long." in site.get(f"/u/ada/song/{song_id}").text
    assert data(f"items/tracks/{track_id}")["item"]["duration_ms"] == length
    assert {one["value"] for one in data("share-heard?range=all")["shares"]} - {"unknown"}
