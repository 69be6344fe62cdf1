"""What pages say of the range: of which days each number is, and that the range stays where it changes nothing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.serving.access.sessions import Method, begin_session
from myi_pipelines.serving.process import assembled
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.support.export_rows import extended, no_track
from myi_pipelines_tests.support.shared_servers import SessionServers, database_name
from myi_pipelines_tests.support.warehouse_harness import open_warehouse
from myi_pipelines_tests.support.web import Server, serving, web_context

NAMELESS = f"{9:022d}"
OTHER = {"master_metadata_track_name": "Another", "master_metadata_album_artist_name": "Others"}
ROWS = (
    *(
        extended(
            ts=f"{year}-03-{day:02}T{8 + day:02}:00:00Z",
            spotify_track_uri=f"spotify:track:{day % 2:022d}",
            master_metadata_album_album_name=f"Record {day % 2}",
        )
        for year, days in ((2024, 5), (2025, 3))
        for day in range(1, days + 1)
    ),
    *(
        no_track(
            ts=f"{year}-04-{day:02}T10:00:00Z",
            episode_name=f"Episode {day}",
            episode_show_name="The Show",
            spotify_episode_uri=f"spotify:episode:{day:022d}",
        )
        for year, days in ((2024, 4), (2025, 2))
        for day in range(1, days + 1)
    ),
    extended(ts="2025-03-02T21:00:00Z", spotify_track_uri=f"spotify:track:{8:022d}", **OTHER),
    *(no_track(ts=f"2025-05-0{day}T10:00:00Z", spotify_track_uri=f"spotify:track:{NAMELESS}") for day in (1, 2)),
)

ONCE = (extended(ts="2025-03-01T20:00:00Z"),)
THRICE = tuple(
    extended(
        ts=f"{year}-03-01T20:00:00Z",
        spotify_track_uri=f"spotify:track:{year:022d}",
        master_metadata_track_name=f"Song of {year}",
        master_metadata_album_artist_name=f"Band of {year}",
    )
    for year in (2019, 2022, 2025)
)


class Site(NamedTuple):
    server: Server
    cookies: dict[str, str]

    def main(self, path: str, user: str = "anna") -> str:
        """What a page shows, without the bar."""
        return self.page(path, user).split("<main")[1].split("</main")[0]

    def page(self, path: str, user: str = "anna") -> str:
        answer = self.server.get(f"/u/{user}/{path}".replace("/?", "?").rstrip("/"), self.cookies)
        assert answer.status == 200
        return html.unescape(answer.text)

    def first(self, kind: str, path: str) -> str:
        """The address of the first item of a list."""
        found = re.search(rf'class="name"[^>]* href="/u/anna/({kind}/[^"?]+)', self.page(path))
        assert found
        return found[1]


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Anna has a song of two recordings, a show and a track that nothing names; two others have few plays."""
    folder = tmp_path_factory.mktemp("ranges")
    with session_servers.database(database_name("ranges", worker_id)) as url, open_warehouse(url) as warehouse:
        users = []
        for name, rows in (("anna", ROWS), ("once", ONCE), ("thrice", THRICE)):
            users.append(warehouse.user(name, "UTC"))
            path = folder / f"Streaming_History_Audio_{name}.json"
            path.write_text(json.dumps(rows))
            land_file(warehouse.session(), WaitingFile(path, users[-1], Limits()))
        warehouse.settle(users)
        warehouse.conn.execute("UPDATE user_settings SET allows_comparison = true")
        with closing(connect(url)) as owner:
            secret = begin_session(owner, None, Method.LINK, "the operator")
        with serving(assembled(web_context(url, folder, uploads=folder / "uploads"))) as server:
            yield Site(server, {f"myi_{server.port}": secret})


def notes(main: str) -> dict[str, str]:
    """What stands beside the heading of each section."""
    return dict(re.findall(r"<header><h2>([^<]+)</h2>(?:<p>([^<]*)</p>)?", main))


def test_lists_that_the_range_does_not_limit_say_so(site: Site) -> None:
    artist = notes(site.main(f"{site.first('artist', 'tops/artists')}?range=2025"))
    song = notes(site.main(f"{site.first('song', 'tops')}?range=2025"))
    found = notes(site.main("discoveries?range=2024"))
    assert [artist["Songs"], artist["Albums"], song["Recordings"]] == ["Of all time."] * 3
    assert {found[name] for name in ("Artists", "Songs", "Albums")} == {"First heard then, with all plays since."}
    assert notes(site.main("?range=2024"))["First heard"].endswith("; all plays since.")


@pytest.mark.parametrize(
    ("query", "whole"),
    [
        ("range=all", "8 plays, 29 min."),
        ("range=2025", "3 plays, 11 min."),
        ("range=2025&hour=9", "1 play, 4 min."),
        ("range=all&hour=9", "2 plays, 7 min."),
        ("range=all&weekday=5", "2 plays, 7 min."),
        ("range=all&hour=10&skipped=no", "2 plays, 7 min."),
        ("range=all&skipped=yes", ""),
    ],
)
def test_the_history_says_how_much_it_lists(site: Site, query: str, whole: str) -> None:
    song = site.first("song", "tops").split("/")[1]
    main = site.main(f"history?{query}&song={song}")
    assert (f'<p class="aside">{whole}</p>' in main) == bool(whole)
    assert main.count('<li class="play') == int(whole.split()[0] if whole else 0)


@pytest.mark.parametrize(
    ("query", "label", "value"),
    [
        ("range=2024", "2024", "4 plays"),
        ("range=2025&by=time", "2025", "7 min"),
        ("range=2025-04-02", "2 April 2025", "1 play"),
        ("range=2025-05", "May 2025", "none"),
    ],
)
def test_a_show_says_how_much_of_it_was_played_in_the_range(site: Site, query: str, label: str, value: str) -> None:
    show = site.first("show", "tops/shows?range=all")
    figures = re.findall(r"<dt>([^<]+)</dt><dd>(?:<a[^>]*>)?([^<]+)", site.main(f"{show}?{query}"))
    assert figures[:3] == [("plays ever", "6"), ("ever", "21 min"), ("episodes ever", "4")]
    assert figures[3:] == [(label, value)]
    assert label not in dict(re.findall(r"<dt>([^<]+)</dt><dd>(?:<a[^>]*>)?([^<]+)", site.main(f"{show}?range=all")))


@pytest.mark.parametrize(
    "page", ["?range=2025-05", "tops?range=2025-05", "tops?of=recordings", "history?range=2025-05"]
)
def test_a_track_without_a_name_has_its_id_below_words(site: Site, page: str) -> None:
    main = site.main(page)
    assert re.search(rf">Unnamed track</a><span class=\"by\" dir=\"auto\">{NAMELESS}</span>", main)
    assert f">{NAMELESS}</a>" not in main


@pytest.mark.parametrize(("kind", "path"), [("song", "tops"), ("track", "tops?of=recordings&")])
def test_the_page_of_a_track_without_a_name_says_its_id(site: Site, kind: str, path: str) -> None:
    page = site.page(site.first(kind, f"{path}{'' if '?' in path else '?'}range=2025-05"))
    assert "<title>Unnamed track" in page
    assert re.search(rf"<h1[^>]*>Unnamed track</h1><p class=\"by\">.*{NAMELESS}", page)
    assert "song: Unnamed track." in site.page("review/2025-05")


@pytest.mark.parametrize(
    ("user", "path", "said", "unsaid"),
    [
        ("once", "", "day with music, of 365</dt>", "0 s|The fullest|Most from"),
        ("once", "trends", "You listened in one year so far, 2025: 1 play.", "fullest|Discoveries that stayed"),
        ("once", "habits", "1 play is too few to tell a habit.", "%|usual session|fullest hour"),
        ("once", "discoveries", "you met 1 new artist", "%"),
        ("once", "milestones", "The next is play 100, 99 away.", "pace|>0.5<"),
        ("once", "review/2025", "There was music on 1 day, 1 March 2025.", "belonged|fullest|Your hour|became"),
        ("thrice", "trends", "No year was fuller than", "was your fullest|Variety|>0.5<|>4</text>"),
        ("thrice", "review", "2022", "0 s|2023"),
        ("thrice", "review/2025", "It was one artist: Band of 2025.", "belonged|100%"),
        ("anna", "review/2025-W09", "The week of 24 Feb – 2 Mar 2025 belonged to Band.", "Nobody more"),
        ("anna", "review/2025", "2025 belonged to Band.", "Nobody more"),
    ],
)
def test_few_plays_make_no_more_of_themselves_than_they_are(
    site: Site, user: str, path: str, said: str, unsaid: str
) -> None:
    main = site.main(path, user)
    assert said in main
    assert re.findall(unsaid, re.sub(r'<svg[^>]*>|"[0-9.]+%"', "", main)) == []


def test_a_comparison_of_all_time_says_so_in_its_sentence(site: Site) -> None:
    assert "You and once, of all time." in site.main("compare?with=once&range=all")
    assert "You and once, 2025." in site.main("compare?with=once&range=2025")
