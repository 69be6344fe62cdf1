"""Totals, activity and lists: they agree with one another, page by page, as JSON and as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from myi_pipelines.warehouse.database.connections import connect, fetch_row
from myi_pipelines_tests.integration.serving.api.conftest import Api


def test_totals_of_all_time_are_the_warehouse_s(api: Api) -> None:
    with connect(api.url) as conn:
        told = fetch_row(conn, "SELECT total_play_count, total_listening_ms FROM users WHERE name = %s", [api.user])
    current = api.data("{u}/totals?range=all")["current"]
    assert (current["play_count"], current["total_ms"]) == told
    for step in ("day", "week", "month", "year"):
        rows = api.data(f"{{u}}/activity?range=all&step={step}")
        assert (sum(row["play_count"] for row in rows), sum(row["total_ms"] for row in rows)) == told
    cells = api.data("{u}/clock?range=all")
    assert (sum(cell["play_count"] for cell in cells), sum(cell["total_ms"] for cell in cells)) == told
    platforms = [way for way in api.data("{u}/ways-of-listening?range=all") if way["dimension"] == "PLATFORM"]
    assert sum(way["play_count"] for way in platforms) == told[0]


def test_a_range_is_compared_with_the_one_before_or_any_other(api: Api) -> None:
    answer = api.get("{u}/totals?range=2025-07").json
    assert answer["meta"]["range"] == {
        "text": "2025-07",
        "label": "July 2025",
        "first_day": "2025-07-01",
        "last_day": "2025-07-31",
        "is_incomplete": False,
        "before": "2025-06",
        "after": "2025-08",
    }
    before = api.data("{u}/totals?range=2025-06")["current"]
    assert answer["data"]["before"] == before
    assert api.data("{u}/totals?range=2025-08&against=2025-06")["before"] == before


@pytest.mark.parametrize("kind", ["songs", "songs?of=recordings", "artists", "albums", "genres"])
def test_pages_of_a_list_make_the_whole_of_it(api: Api, kind: str) -> None:
    path = f"{{u}}/tops/{kind}{'&' if '?' in kind else '?'}range=2025&by=time"
    whole = api.get(f"{path}&limit=1000").json
    assert whole["page"]["next"] is None
    assert len(whole["data"]) == whole["page"]["items"] > 3
    assert [row["rank"] for row in whole["data"]] == list(range(1, len(whole["data"]) + 1))
    each = len(whole["data"]) // 3 + 1
    page = api.get(f"{path}&limit={each}").json
    rows = page["data"]
    while cursor := page["page"]["next"]:
        page = api.get(f"{path}&limit={each}&after={cursor}").json
        rows += page["data"]
    assert rows == whole["data"]


def test_a_cursor_belongs_to_its_list(api: Api) -> None:
    cursor = api.get("{u}/tops/songs?range=2025&limit=2").json["page"]["next"]
    assert api.get(f"{{u}}/tops/songs?range=2025&limit=9&after={cursor}").status == 200
    for other in ("songs?range=2024", "artists?range=2025", "songs?range=2025&by=time", "songs?range=2025&skipped=no"):
        assert api.problem(f"{{u}}/tops/{other}&after={cursor}", 400)["type"].endswith("#bad-cursor")


def test_a_list_can_be_had_as_csv(api: Api) -> None:
    rows = api.data("{u}/tops/songs?range=2025")
    for answer in (
        api.get("{u}/tops/songs?range=2025&format=csv"),
        api.get("{u}/tops/songs?range=2025", Accept="text/csv"),
    ):
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        table = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(int(one["rank"]), one["item_name"], int(one["play_count"])) for one in table] == [
            (row["rank"], row["item"]["name"], row["play_count"]) for row in rows
        ]


def test_a_name_that_is_a_formula_is_a_text_in_csv(api: Api) -> None:
    [first] = api.data("{u}/tops/songs?range=2025&limit=1")
    name, formula = first["item"]["name"], '=HYPERLINK("http://example.com";"a song")'
    change = "UPDATE songs SET name = %s WHERE name = %s"
    with connect(api.url) as conn:
        conn.execute(change, [formula, name])
        try:
            table = csv.DictReader(io.StringIO(api.get("{u}/tops/songs?range=2025&limit=17&format=csv").text))
            [told, *_] = api.data(
                "{u}/tops/songs?range=2025&limit=17"
            )  # nobody asked for so many, so no answer is kept
        finally:
            conn.execute(change, [name, formula])
    assert next(table)["item_name"] == f"'{formula}"
    assert told["item"]["name"] == formula


def test_songs_can_be_had_as_a_playlist_to_paste(api: Api) -> None:
    answer = api.get("{u}/tops/songs?range=2025&limit=5&format=uris")
    assert answer.headers["content-type"].startswith("text/uri-list")
    assert all(line.startswith("spotify:track:") for line in answer.text.split())


def test_places_are_told_in_another_range_too(api: Api) -> None:
    rows = api.data("{u}/tops/artists?range=2025-07&against=before&limit=5")
    before = {row["item"]["id"]: row for row in api.data("{u}/tops/artists?range=2025-06&limit=1000")}
    for row in rows:
        there = before.get(row["item"]["id"])
        assert row["before"] == (there and {name: there[name] for name in ("rank", "play_count", "total_ms")})


def test_a_bad_range_says_what_a_range_is(api: Api) -> None:
    told = api.problem("{u}/totals?range=2025-13", 400)
    assert told["title"] == "Bad range"
    assert "'2025-13' is no range: write 7d, 4w" in told["detail"]
    assert api.problem("{u}/totals?range=2025-13", 404, "stranger")


def test_filters_narrow_what_counts_and_need_the_right_to_statistics(api: Api) -> None:
    artist = api.data("{u}/tops/artists?range=2025&limit=1")[0]
    answer = api.get(f"{{u}}/totals?range=2025&artist={artist['item']['id']}").json
    assert answer["data"]["current"]["play_count"] == artist["play_count"]
    assert answer["meta"]["filters"]["artist"] == artist["item"]["id"]
