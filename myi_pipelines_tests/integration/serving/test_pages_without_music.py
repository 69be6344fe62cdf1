"""Pages of who played podcasts and audiobooks and no music, ever or in some days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

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

OF_MUSIC = ("habits", "history", "discoveries", "trends", "review", "milestones", "on-this-day", "tops", "review/2019")


class Site(NamedTuple):
    server: Server
    secrets: dict[str, str]
    """Of sessions, by name of a listener."""

    def text(self, name: str, path: str) -> str:
        answer = self.server.get(path, {f"myi_{self.server.port}": self.secrets[name]})
        assert answer.status == 200, path
        return answer.text

    def page(self, name: str, path: str = "") -> str:
        return self.text(name, f"/u/{name}/{path}" if path[:1] not in ("", "?") else f"/u/{name}{path}")

    def api(self, name: str, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(name, f"/api/v1/users/{name}{path}"))["data"]
        return found


@pytest.fixture(scope="module")
def site(session_servers: SessionServers, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Site]:
    """Pia has podcasts and audiobooks only; Mo has a podcast of years before the first music; Kim has nothing."""
    folder = tmp_path_factory.mktemp("pages-without-music")
    with session_servers.database(database_name("pages-without-music", worker_id)) as url, open_warehouse(url) as house:
        of = {
            "pia": [*(episode(f"2019-03-0{day}T10:00:00Z") for day in range(1, 6)), chapter("2020-02-01T10:00:00Z")],
            "mo": [episode("2018-01-01T10:00:00Z"), extended(ts="2021-05-01T10:00:00Z")],
            "kim": [],
        }
        secrets = {}
        for name, rows in of.items():
            user_id = house.user(name, "UTC")
            if rows:
                path = folder / f"Streaming_History_Audio_{name}.json"
                path.write_text(json.dumps(rows))
                land_file(house.session(), WaitingFile(path, user_id, Limits()))
                house.settle([user_id])
            with closing(connect(url)) as owner:
                secrets[name] = begin_session(owner, user_id, Method.LINK, "a test")
        with serving(assembled(web_context(url, folder, uploads=folder / "uploads"))) as server:
            yield Site(server, secrets)


def episode(ts: str) -> dict[str, Any]:
    of = {
        "episode_name": f"At {ts}",
        "episode_show_name": "The Show",
        "spotify_episode_uri": f"spotify:episode:{7:022d}",
    }
    return no_track(ts=ts, ms_played=1_800_000, **of)


def chapter(ts: str) -> dict[str, Any]:
    return no_track(
        ts=ts,
        ms_played=600_000,
        audiobook_title="The Book",
        audiobook_uri=f"spotify:show:{8:022d}",
        audiobook_chapter_title="Part 1",
        audiobook_chapter_uri=f"spotify:episode:{9:022d}",
    )


def test_podcasts_alone_are_shown_from_the_first_to_the_last(site: Site) -> None:
    page = site.page("pia")
    assert "In 2020 you played no music, but" in page
    assert "10 min</a> of audiobooks" in page
    assert "The Book" in page
    page = site.page("pia", "?range=all")
    assert "Since 1 March 2019 you played no music, but" in page
    assert "2 h 30 min</a> of podcasts and " in page
    assert "10 min</a> of audiobooks." in page
    assert ("The Show" in page, "The Book" in page) == (True, True)
    assert ">2019<" in page


@pytest.mark.parametrize("path", OF_MUSIC)
def test_no_page_says_that_nothing_was_imported(site: Site, path: str) -> None:
    page = site.page("pia", f"{path}?range=2019")
    assert "is not here yet" not in page
    if path != "review/2019":
        assert "you played no music, but" in page
    assert "2 h 30 min</a> of podcasts" in page


def test_who_has_nothing_is_told_what_to_do(site: Site) -> None:
    pages = [site.page("kim", path) for path in ("", *OF_MUSIC[:7])]
    assert all("is not here yet" in page for page in pages)
    assert not any('class="bar"' in page for page in pages)
    assert 'class="bar"' in site.page("pia")


def test_all_time_begins_with_the_first_play_of_anything(site: Site) -> None:
    page = site.page("mo", "?range=all")
    assert "Since 1 January 2018 you have listened for" in page
    assert "30 min" in page
    assert "of podcasts<" in page
    assert "1 play since May 2021" in site.page("mo", "milestones")
    assert "1 episode" in site.page("mo", "tops/shows?range=all")
    assert site.api("mo", "")["first_day"] == "2018-01-01"
    assert site.api("mo", "/totals?range=all")["current"]["play_count"] == 1
    assert site.api("pia", "")["last_day"] == "2020-02-01"


def test_days_without_music_lead_to_the_others(site: Site) -> None:
    assert "In 2018 you played no music, but" in site.page("mo", "?range=2018")
    empty = site.page("mo", "?range=2019")
    assert "In 2019 you played nothing: your plays go" in empty
    assert "from January 2018 to May 2021" in empty
