"""Discoveries, streaks, reviews, comparisons, what a listener manages: bound to the questions that pages ask."""

from __future__ import annotations

import json

import pytest

from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.integration.serving.api.conftest import Api


def test_what_was_new_adds_up_to_all_there_is(api: Api) -> None:
    months = api.data("{u}/discoveries?range=all")
    distinct = api.data("{u}/totals/distinct?range=all")
    assert sum(month["songs"] for month in months) == distinct["songs"]
    assert sum(month["artists"] for month in months) == distinct["artists"]
    assert len(api.data("{u}/discoveries/songs?range=all&limit=7")) == 7
    assert all(one["play_count"] >= 2 for one in api.data("{u}/forgotten?at_least=2"))
    assert all(one["play_count"] >= 2 for one in api.data("{u}/obsessions?range=all&at_least=2"))
    for one in api.data("{u}/one-hit-wonders?at_least=1")[:3]:
        assert api.data(f"{{u}}/totals/distinct?range=all&artist={one['artist']['id']}")["songs"] == 1


def test_days_add_up_to_streaks_and_milestones(api: Api) -> None:
    streaks = api.data("{u}/streaks?range=all")
    assert streaks["longest"][0]["days"] >= 1
    assert streaks["days_with_plays"] == api.data("{u}/totals?range=all")["current"]["days_with_plays"]
    assert [one["number"] for one in api.data("{u}/milestones")][:2] == [1, 100]
    ones = api.data("{u}/number-ones?range=2025-07")
    assert all(one["play_count"] >= 1 for one in ones)
    assert isinstance(api.data("{u}/on-this-day"), list)


def test_the_music_is_described(api: Api) -> None:
    plays = api.data("{u}/totals?range=2025")["current"]["play_count"]
    assert sum(one["play_count"] for one in api.data("{u}/releases?range=2025")["years"]) == plays
    diversity = api.data("{u}/diversity?range=2025")
    assert 1 <= diversity["effective_artists"] <= diversity["artists"]
    assert api.data("{u}/share-heard?range=2025-07")["first_day"] == "2025-07-01"
    assert api.data("{u}/spotify/top/tracks?term=year") == api.data("{u}/spotify/top/artists/days") == []


def test_every_period_can_be_reviewed_and_its_review_says_what_the_lists_say(api: Api) -> None:
    for step in ("year", "month", "week"):
        for period in api.data(f"{{u}}/reviews?step={step}")[:3]:
            totals = api.data(f"{{u}}/totals?range={period['range']}")
            assert (period["play_count"], period["total_ms"]) == (
                totals["current"]["play_count"],
                totals["current"]["total_ms"],
            )
    review = api.data("{u}/review?range=2025-07")
    assert review["totals"] == api.data("{u}/totals?range=2025-07")
    assert review["songs"] == api.data("{u}/tops/songs?range=2025-07&against=before&limit=10")
    assert review["sessions"]["gap_minutes"] == 30
    assert "366 days" in api.problem("{u}/review?range=2020-01-01..2025-01-01", 400)["detail"]
    assert api.problem("{u}/reviews?step=day", 400)


def test_two_listeners_are_compared_where_both_agree(api: Api) -> None:
    path = "{u}/compare?range=all&other=user-2"
    found = api.data(path)
    assert 0 <= found["score"] <= 100
    turned = api.data("/users/user-2/compare?range=all&other=user-1")
    assert turned["score"] == found["score"]
    assert api.problem(path, 404, "listener 1")
    with connect(api.url) as conn:
        conn.execute("UPDATE user_settings SET allows_comparison = true WHERE user_id IN (1, 2)")
    try:
        assert api.data(path, "listener 1")["mine"] == found["mine"]
        assert api.problem(path, 404, "listener 3")
        assert api.problem("{u}/compare?range=all&other=nobody", 404, "listener 1")
    finally:
        with connect(api.url) as conn:
            conn.execute("UPDATE user_settings SET allows_comparison = false")


def test_a_listener_manages_and_others_do_not(api: Api) -> None:
    for part in ("imports", "gaps", "corrections"):
        assert api.data(f"{{u}}/{part}", "listener 1") == []
        assert api.problem(f"{{u}}/{part}", 404, "token 1 stats:read history:read")


@pytest.mark.parametrize("viewer", ["operator", "listener 8"])
def test_settings_are_changed_by_the_listener_and_the_operator(api: Api, viewer: str) -> None:
    def change(viewer: str, **values: object) -> tuple[int, dict[str, object]]:
        headers = {"X-Viewer": viewer, "Content-Type": "application/json"}
        answer = api.server.ask("PATCH", "/api/v1/users/user-8/settings", headers, json.dumps(values))
        return answer.status, answer.json

    before = api.data("/users/user-8/settings")
    assert change(viewer, session_gap_minutes=45)[1]["data"] == before | {"session_gap_minutes": 45}
    assert change(viewer, session_gap_minutes=30)[1]["data"] == before
    status, told = change(viewer, timezone="Europe/Berln")
    assert (status, told["title"]) == (400, "Bad time zone")
    assert "Europe/Berlin" in str(told["detail"])
    assert change(viewer, week_starts_on=7)[0] == change(viewer, unknown=1)[0] == 400
    for other in ("listener 1", "token 8 stats:read", "stranger"):
        assert change(other, session_gap_minutes=5)[0] == 404
