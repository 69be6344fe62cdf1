"""Pages that are lists: Spotify's beside the listener's own plays, milestones and the next one, shows."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.process import assembled
from myi_pipelines.sources.exports import Limits, Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.export_rows import extended, no_track
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse
from myi_pipelines_tests.support.web import Server, serving, web_context

SONGS, EPISODES, CHAPTERS = 120, 14, 3
NOW = datetime.now(UTC).replace(microsecond=0)


class Site(NamedTuple):
    server: Server
    warehouse: Warehouse
    user_id: int
    cookies: dict[str, str]

    def page(self, path: str) -> str:
        answer = self.server.get(f"/u/anna/{path}", self.cookies)
        assert answer.status == 200
        return answer.text


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Anna played two recordings of one name in the last weeks, a podcast, an audiobook, and what names nothing."""
    folder = tmp_path_factory.mktemp("pages-of-lists")
    name = database_name("pages-of-lists", worker_id)
    with session_servers.database(name) as url, open_warehouse(url) as warehouse:
        user_id = warehouse.user("anna", "UTC")
        path = folder / "Streaming_History_Audio_2025.json"
        path.write_text(json.dumps(list(rows())))
        land_file(warehouse.session(), WaitingFile(path, user_id, Limits()))
        warehouse.settle([user_id])
        with closing(connect(url)) as owner:
            secret = begin_session(owner, user_id, Method.LINK, "a test")
        with serving(assembled(web_context(url, folder, uploads=folder / "uploads"))) as server:
            yield Site(server, warehouse, user_id, {f"myi_{server.port}": secret})


def rows() -> Iterator[dict[str, Any]]:
    yield extended(ts=ended(60 * 12), spotify_track_uri=f"spotify:track:{0:022d}")
    for number in range(SONGS):
        album = number % 3 % 2
        yield extended(
            ts=ended(number),
            spotify_track_uri=f"spotify:track:{album:022d}",
            master_metadata_album_album_name=f"Record {album}",
            skipped=False,
        )
    for number in range(EPISODES):
        yield no_track(
            ts=ended(SONGS + number),
            episode_name=f"Episode {number}",
            episode_show_name="The Show",
            spotify_episode_uri=f"spotify:episode:{number:022d}",
        )
    for number in range(CHAPTERS):
        yield no_track(
            ts=ended(SONGS + EPISODES + number),
            audiobook_title="The Book",
            audiobook_uri=f"spotify:show:{7:022d}",
            audiobook_chapter_title=f"Part {number}",
            audiobook_chapter_uri=f"spotify:episode:{100 + number:022d}",
        )
    yield no_track(ts=ended(SONGS + EPISODES + CHAPTERS))


def ended(number: int) -> str:
    return f"{NOW - timedelta(hours=2 * number + 1):%Y-%m-%dT%H:%M:%SZ}"


def test_spotifys_lists_stand_beside_what_was_played(site: Site) -> None:
    conn = site.warehouse.conn
    tracks = conn.execute("SELECT id FROM tracks ORDER BY spotify_id DESC").fetchall()
    for term in ("SHORT_TERM", "MEDIUM_TERM"):
        for rank, (track,) in enumerate(tracks, 1):
            conn.execute(
                "INSERT INTO spotify_top_tracks (user_id, term, rank, track_id) VALUES (%s, %s, %s, %s)",
                [site.user_id, term, rank, track],
            )
    conn.execute(
        "INSERT INTO spotify_top_track_history (user_id, term, listed_on, rank, spotify_id)"
        " VALUES (%s, 'MEDIUM_TERM', current_date - 10, 1, %s)",
        [site.user_id, f"{0:022d}"],
    )
    page = site.page("spotify")
    assert page.index("Record 1") < page.index("Record 0")
    assert page.index("40 plays") < page.index("your #2") < page.index("80 plays") < page.index("your #1")
    assert ">new<" not in page
    assert "arrows" not in page
    page = site.page("spotify?term=medium")
    assert ">new<" in page
    assert "▼ 1" in page
    assert "arrows compare with a week before" in page


def test_milestones_name_the_next_one_and_when_it_comes(site: Site) -> None:
    page = site.page("milestones")
    assert f"{SONGS + 1} plays since" in page
    today, first_day = datetime.now(UTC).date(), datetime.fromisoformat(ended(60 * 12)).date()
    days = math.ceil(879 * ((today - first_day).days + 1) / (SONGS + 1))
    when = f"in {today + timedelta(days=days):%B %Y}"
    assert f"The next is play 1,000, 879 away: at the pace of the last three months, {when}." in page
    assert "play 100 on" in page


def test_shows_have_their_own_words_and_lead_somewhere(site: Site) -> None:
    page = site.page("tops/shows?range=all")
    assert "podcast, 14 episodes" in page
    assert "audiobook, 3 chapters" in page
    assert '<span class="name" dir="auto">Plays that name nothing</span>' in page
    assert "unnamed" not in page


def test_the_plays_of_a_show_go_on(site: Site) -> None:
    shown = site.warehouse.conn.execute("SELECT DISTINCT show, name_key(show) FROM named_episodes WHERE show <> ''")
    keys: dict[str, object] = dict(shown)
    book = site.page(f"show/{keys['The Book']}?range=all")
    assert "<h2>Chapters</h2>" in book
    assert "data-more" not in book
    page = site.page(f"show/{keys['The Show']}?range=all")
    assert ("Episode 11<" in page, "Episode 12<" in page) == (True, False)
    more = page.split('data-more="#list-1" href="/u/anna/')[1].split('"')[0].replace("&amp;", "&")
    rest = site.page(more)
    assert ("Episode 11<" in rest, "Episode 12<" in rest, "Episode 13<" in rest) == (False, True, True)
    assert "data-more" not in rest


NUMBER = re.compile(r'<a href="/u/anna/history\?([^"]*)">([\d,]+)(?: plays?)?</a>')
FILTERS = ("range", "song", "track", "artist", "album", "genre", "skipped")


def plays_behind(site: Site, query: str) -> int:
    asked = {name: value for name, value in parse_qsl(html.unescape(query)) if name in FILTERS}
    address = f"/api/v1/users/anna/history?{urlencode({'range': 'year', **asked, 'limit': 500})}"
    return len(json.loads(site.server.get(address, site.cookies).text)["data"])


def test_a_number_of_a_list_leads_to_as_many_plays(site: Site) -> None:
    """In a review, whose range is in its path; of all time; of a day; with a filter that the page leaves out."""
    conn = site.warehouse.conn
    [(song, artist)] = conn.execute(
        "SELECT song_id, artist_id FROM tracks JOIN track_artists ON track_id = tracks.id LIMIT 1"
    )
    [(album,)] = conn.execute("SELECT album_id FROM tracks ORDER BY id DESC LIMIT 1")
    day = f"{NOW - timedelta(days=2):%Y-%m-%d}"
    month = day[:7]
    found = 0
    for path in (
        f"review/{month}",
        f"artist/{artist}?range={day}",
        f"album/{album}?range={day}&skipped=yes",
        f"song/{song}?range={day}",
        f"tops/songs?range={day}",
        "on-this-day",
        f"discoveries?range={month}",
    ):
        for query, number in NUMBER.findall(site.page(path)):
            assert plays_behind(site, query) == int(number.replace(",", "")), (path, query)
            found += 1
    assert found >= 15


def test_by_time_a_review_does_not_say_how_often_all_songs_were_played(site: Site) -> None:
    """The song with the most time was played once, another one twice."""
    user_id = site.warehouse.user("cleo", "UTC")
    ends = [datetime(2021, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    for number, (end, ms) in enumerate(zip(ends, (900_000, 60_000, 60_000), strict=True)):
        track = Track(f"cleo{min(number, 1):018d}", f"Song {min(number, 1)}", "Cleo’s", "Album")
        site.warehouse.land(user_id, [Play(track, CONTEXT, end, end, ms)])
    site.warehouse.settle([user_id])
    cookies = {f"myi_{site.server.port}": begin_session(site.warehouse.conn, user_id, Method.LINK, "a test")}
    by_time = site.server.get("/u/cleo/review/2021?by=time", cookies).text
    assert "No song had more of your time: Song 0." in by_time
    assert "once each" not in by_time
    assert "1 May 2021 was the fullest day" in by_time
    [card] = re.findall(r'<img src="([^"]*)"', by_time)
    assert site.server.get(html.unescape(card), cookies).headers["content-type"] == "image/png"
    assert "One song came back more than any other: Song 1." in site.server.get("/u/cleo/review/2021", cookies).text


def test_what_spotify_lists_and_was_never_played_has_no_page_to_lead_to(site: Site) -> None:
    conn = site.warehouse.conn
    [(track,)] = conn.execute("INSERT INTO tracks (spotify_id, name) VALUES (%s, 'Unheard') RETURNING id", ["9" * 22])
    conn.execute(
        "INSERT INTO spotify_top_tracks (user_id, term, rank, track_id) VALUES (%s, 'LONG_TERM', 1, %s)",
        [site.user_id, track],
    )
    page = site.page("spotify?term=long")
    assert "Unheard" in page
    assert f"/track/{track}" not in page
