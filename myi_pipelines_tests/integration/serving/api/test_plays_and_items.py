"""The history, the pages of items and search agree with the lists that lead to them."""

from __future__ import annotations

import pytest

from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.integration.serving.api.conftest import Api


def test_the_history_is_paged_without_gaps_and_holds_what_totals_say(api: Api) -> None:
    told = api.data("{u}/totals?range=2025-07")["current"]
    page = api.get("{u}/history?range=2025-07&limit=7").json
    plays = page["data"]
    while cursor := page["page"]["next"]:
        page = api.get(f"{{u}}/history?range=2025-07&limit=7&after={cursor}").json
        plays += page["data"]
    assert len({play["id"] for play in plays}) == len(plays) == told["play_count"]
    assert sum(play["ms_played"] for play in plays) == told["total_ms"]
    assert [play["played_at"] for play in plays] == sorted((play["played_at"] for play in plays), reverse=True)
    uris = api.get("{u}/history?range=2025-07&limit=7&format=uris").text.split()
    assert len(uris) <= 7


@pytest.mark.parametrize("kind", ["songs", "tracks", "artists", "albums"])
def test_an_item_s_page_says_what_the_list_says(api: Api, kind: str) -> None:
    path = "songs?of=recordings&" if kind == "tracks" else f"{kind}?"
    row = api.data(f"{{u}}/tops/{path}range=2025&limit=1")[0]
    number = row["item"]["id"]
    page = api.data(f"{{u}}/items/{kind}/{number}?range=2025")
    assert page["item"] == row["item"]
    assert page["in_range"] == {name: row[name] for name in ("rank", "play_count", "total_ms")}
    assert sum(month["play_count"] for month in page["life"]) == page["rank_ever"]["play_count"]
    cells = api.data(f"{{u}}/items/{kind}/{number}/clock?range=2025")
    assert sum(cell["play_count"] for cell in cells) == row["play_count"]
    years = {one["year"]: one for one in api.data(f"{{u}}/items/{kind}/{number}/years")}
    assert years[2025]["play_count"] == row["play_count"]
    assert years[2025]["rank"] == row["rank"]
    best = api.data(f"{{u}}/items/{kind}/{number}/best-day")
    filtered = {"songs": "song", "tracks": "track", "artists": "artist", "albums": "album"}[kind]
    plays = api.data(f"{{u}}/history?range={best['day']}&limit=1000&{filtered}={number}")
    assert len(plays) == best["play_count"]
    recordings = api.data(f"{{u}}/items/{kind}/{number}/recordings?limit=1000")
    assert sum(one["play_count"] for one in recordings) == page["item"]["play_count"]
    assert all(one["play_count"] > 0 for one in api.data(f"{{u}}/items/{kind}/{number}/neighbours?range=2025"))


def test_what_a_listener_never_played_is_not_there(api: Api) -> None:
    own = {row["item"]["id"] for row in api.data("{u}/tops/artists?range=all&limit=1000")}
    others = {row["item"]["id"] for row in api.data("/users/user-2/tops/artists?range=all&limit=1000")} - own
    assert others
    for number in (min(others), 2**62):
        for path in ("", "/clock", "/years", "/best-day", "/neighbours", "/recordings", "/albums"):
            assert api.problem(f"{{u}}/items/artists/{number}{path}", 404)
    assert api.problem("{u}/genre?genre=none%20such", 404)
    assert "genre" in api.problem("{u}/genre", 400)["detail"]


def test_search_finds_what_was_played(api: Api) -> None:
    song = api.data("{u}/tops/songs?range=all&limit=1")[0]["item"]
    assert song["id"] in [one["id"] for one in api.data(f"{{u}}/search?q={song['name'].replace(' ', '%20')}")]
    assert api.data("{u}/search?q=") == []
    assert api.data("{u}/search/shows?q=anything") == []


def test_single_plays_are_a_right_of_their_own(api: Api) -> None:
    assert api.problem("{u}/history?range=all", 404, "token 1 stats:read")
    artist = api.data("{u}/tops/artists?range=all&limit=1")[0]["item"]["id"]
    assert api.data(f"{{u}}/history?range=all&artist={artist}&limit=1", "token 1 history:read")
    assert api.problem("{u}/sessions?range=all", 404, "token 1 history:read")


def test_sessions_are_those_of_the_listener_s_gap(api: Api) -> None:
    found = api.data("{u}/sessions?range=2025-07")
    assert found["gap_minutes"] == 30
    assert found["number"] >= len(found["longest"]) > 0
    assert found["first_of_day"][0]["days"] >= 1
    with connect(api.url) as conn:
        conn.execute("UPDATE user_settings SET session_gap_minutes = 1440 WHERE user_id = 1")
    try:
        longer = api.data("{u}/sessions?range=2025-07")
        assert (longer["gap_minutes"], longer["number"] < found["number"]) == (1_440, True)
        assert api.data("{u}/review?range=2025-07")["sessions"] == longer
    finally:
        with connect(api.url) as conn:
            conn.execute("UPDATE user_settings SET session_gap_minutes = 30")
