"""Top lists against the simulated Spotify: what is stored, how many calls that takes, and what failures change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from myi_pipelines.simulator import Simulator
from myi_pipelines.warehouse import spotify_accounts, top_list_history
from myi_pipelines.warehouse.database.connections import fetch_row
from myi_pipelines.warehouse.spotify_accounts import LinkedUser
from myi_pipelines_tests.support.polling_fixtures import Harness, open_harness

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTHS = timedelta(days=182)
TOP = "/v1/me/top/"
TERMS = {"SHORT_TERM": timedelta(days=28), "MEDIUM_TERM": timedelta(days=182), "LONG_TERM": timedelta(days=365)}


@pytest.fixture
def harness(simulator: Simulator, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with open_harness(simulator.control, database_url, redis_url, tmp_path) as opened:
        yield opened


def shown(harness: Harness, user: LinkedUser, kind: str, term: str) -> list[tuple[int, str]]:
    """The (rank, Spotify id) pairs of a list in the warehouse."""
    return harness.conn.execute(
        f"SELECT rank, spotify_id FROM spotify_top_{kind}s JOIN {kind}s ON {kind}s.id = {kind}_id"
        " WHERE user_id = %s AND term = %s::term ORDER BY rank",
        [user.user_id, term],
    ).fetchall()


def spotifys(harness: Harness, user: LinkedUser, kind: str, term: str) -> list[tuple[int, str]]:
    """The same list at Spotify now."""
    ask = harness.client.top_tracks if kind == "track" else harness.client.top_artists
    payloads = harness.tokens.call(user.user_id, lambda token: ask(token, term.lower()))  # type: ignore[arg-type]
    return [(rank, payload["id"]) for rank, payload in enumerate(payloads, start=1)]


def whole(harness: Harness, user: LinkedUser) -> dict[str, list[tuple[int, str]]]:
    return {f"{kind} {term}": shown(harness, user, kind, term) for kind in ("track", "artist") for term in TERMS}


def test_six_calls_fetch_six_lists_of_fifty(harness: Harness) -> None:
    [user] = harness.link("ada")
    [refreshed] = harness.refresh_due()
    assert harness.calls("/") == 6
    assert (refreshed.user, refreshed.tracks, refreshed.artists, refreshed.error) == ("ada", 150, 150, None)
    for kind in ("track", "artist"):
        for term in TERMS:
            assert shown(harness, user, kind, term) == spotifys(harness, user, kind, term)
    assert harness.conn.execute("SELECT top_stats_refreshed_at FROM users").fetchone() == (harness.now,)


def test_the_metadata_in_the_lists_lands(harness: Harness) -> None:
    harness.link("ada")
    harness.refresh_due()
    with_images, all_rows = fetch_row(
        harness.conn,
        "SELECT count(*) FILTER (WHERE image_url IS NOT NULL), count(*)"
        " FROM spotify_top_artists JOIN artists ON artists.id = artist_id",
    )
    assert with_images > all_rows / 2
    assert harness.conn.execute(
        "SELECT count(*) FROM spotify_top_tracks JOIN tracks ON tracks.id = track_id"
        " WHERE name IS NULL OR duration_ms IS NULL"
        " OR NOT EXISTS (SELECT FROM track_artists WHERE track_id = tracks.id)"
    ).fetchone() == (0,)


def test_lists_are_requested_daily_while_a_user_is_active_and_then_only_on_demand(harness: Harness) -> None:
    [user] = harness.link("ada")
    asked_on = []
    for day in range(20):
        if harness.refresh_due():
            asked_on.append(day)
        assert harness.refresh_due() == []
        harness.advance(DAY)
    # Active on day 0 by logging in. No poll is made, so no play is known.
    assert asked_on == [0, 1, 2, 5]
    assert harness.calls(TOP) == 4 * 6
    [refreshed] = harness.refresh_now([user])
    assert refreshed.error is None
    top_list_history.mark_active(harness.conn, user.user_id, harness.now)
    harness.advance(DAY)
    assert len(harness.refresh_due()) == 1
    assert harness.calls(TOP) == 2 * 6


def test_the_lists_of_other_days_are_kept(harness: Harness) -> None:
    [user] = harness.link("bela")
    ones = []
    for _ in range(4):
        harness.refresh_now([user])
        ones.append((harness.now.date(), spotifys(harness, user, "artist", "SHORT_TERM")[0][1]))
        harness.advance(10 * DAY)
    kept = harness.conn.execute(
        "SELECT listed_on, spotify_id FROM spotify_top_artist_history"
        " WHERE term = 'SHORT_TERM' AND rank = 1 ORDER BY listed_on"
    ).fetchall()
    assert kept == ones
    assert len(shown(harness, user, "artist", "SHORT_TERM")) == 50


FAULTS: list[tuple[str, dict[str, Any], int]] = [
    ("rate_limited", {"retry_after": 60}, 1),
    ("rate_limited_text", {}, 1),
    ("quota_exceeded", {"retry_after": 14_400}, 1),
    ("quota_exceeded", {}, 1),
    ("forbidden", {}, 1),
    ("forbidden_premium", {}, 1),
    ("forbidden_not_registered", {}, 1),
    ("unauthorized", {}, 2),
    ("server_error", {"status": 502}, 3),
    ("hang", {"seconds": 4}, 1),
    ("drop", {}, 3),
    ("truncated", {}, 3),
    ("html_200", {}, 1),
    ("empty_204", {}, 1),
    ("json_200", {"body": {"items": None}}, 1),
    ("garbage_json", {}, 1),
    ("error_body", {"status": 500, "body": ["no"]}, 3),
]


@pytest.mark.few(5)
@pytest.mark.parametrize(("kind", "details", "calls"), FAULTS)
def test_a_partial_failure_leaves_the_old_lists_unchanged(
    harness: Harness, kind: str, details: dict[str, Any], calls: int
) -> None:
    [user] = harness.link("ada")
    harness.refresh_due()
    before, refreshed_at = whole(harness, user), harness.now
    top_list_history.mark_active(harness.conn, user.user_id, harness.now + DAY)
    harness.advance(DAY)
    harness.calls("/")
    harness.control.fault(kind, path_prefix=TOP, times=None, skip=3, **details)
    [refreshed] = harness.refresh_due()
    assert refreshed.error
    assert "\n" not in refreshed.error
    tokens = 2 if kind == "unauthorized" else 1
    assert harness.calls_at_last(3 + calls + tokens) == 3 + calls + tokens
    assert whole(harness, user) == before
    assert harness.conn.execute("SELECT top_stats_refreshed_at FROM users").fetchone() == (refreshed_at,)
    assert harness.conn.execute("SELECT DISTINCT listed_on FROM spotify_top_track_history").fetchall() == [
        (refreshed_at.date(),)
    ]
    valid = [(one.is_valid, one.consecutive_failures) for one in spotify_accounts.list_accounts(harness.conn)]
    assert valid == [(True, 1 if kind == "unauthorized" else 0)]
    harness.control.clear_faults()
    harness.advance(6 * HOUR)
    harness.calls("/")
    [refreshed] = harness.refresh_due()
    assert refreshed.error is None
    assert harness.calls(TOP) == 6
    assert shown(harness, user, "track", "LONG_TERM") == spotifys(harness, user, "track", "LONG_TERM")


def test_the_metadata_of_a_failed_refresh_lands(harness: Harness) -> None:
    harness.link("ada")
    harness.control.fault("quota_exceeded", path_prefix=TOP, times=None, skip=2)
    assert [one.error is None for one in harness.refresh_due()] == [False]
    assert harness.conn.execute(
        "SELECT count(*) FROM spotify_objects WHERE object_type = 'track' AND is_full"
    ).fetchone() == (50,)
    assert harness.conn.execute("SELECT count(*) FROM spotify_top_tracks").fetchone() == (0,)


def test_one_users_failure_does_not_affect_other_users(harness: Harness) -> None:
    users = harness.link("ada", "bela", "chandra")
    harness.control.fault("forbidden_not_registered", path_prefix=TOP, times=None, user="bela")
    refreshed = {one.user: one for one in harness.refresh_due()}
    assert [name for name, one in refreshed.items() if one.error] == ["bela"]
    assert [len(shown(harness, user, "artist", "LONG_TERM")) for user in users] == [50, 0, 50]
    assert harness.calls("/") == 6 + 1 + 6


def test_a_used_up_quota_costs_one_call_for_all_users(harness: Harness) -> None:
    harness.link("ada", "bela", "chandra")
    harness.control.fault("quota_exceeded", path_prefix=TOP, times=None, retry_after=40_000)
    assert all("quota" in str(one.error) for one in harness.refresh_due())
    assert harness.calls("/") == 1


def test_a_user_who_must_log_in_costs_no_call(harness: Harness) -> None:
    harness.link("ada")
    harness.control.revoke("ada")
    [refreshed] = harness.refresh_due()
    assert "myi login" in str(refreshed.error)
    assert harness.calls("/") == 2
    assert harness.refresh_due() == []
    assert harness.calls("/") == 0


def test_a_user_without_listings_has_empty_lists(harness: Harness) -> None:
    harness.link("ada")
    harness.refresh_due()
    harness.control.fault("json_200", path_prefix=TOP, times=None, body={"items": [], "total": 0, "next": None})
    harness.advance(DAY)
    [refreshed] = harness.refresh_due()
    assert (refreshed.tracks, refreshed.artists, refreshed.error) == (0, 0, None)
    assert harness.conn.execute("SELECT count(*) FROM spotify_top_tracks").fetchone() == (0,)


def test_items_without_an_id_have_no_rank(harness: Harness) -> None:
    [user] = harness.link("ada")
    known = spotifys(harness, user, "artist", "LONG_TERM")[0][1]
    body = {"items": [None, {"id": None, "name": "A local file"}, {"id": known, "name": "Known", "images": []}]}
    harness.control.fault("json_200", path_prefix=TOP + "artists", times=None, body=body)
    [refreshed] = harness.refresh_due()
    assert (refreshed.artists, refreshed.error) == (3, None)
    assert shown(harness, user, "artist", "SHORT_TERM") == [(1, known)]


def test_top_lists_wait_for_redis(simulator: Simulator, database_url: str, tmp_path: Path) -> None:
    with open_harness(simulator.control, database_url, "redis://127.0.0.1:1/0", tmp_path) as harness:
        harness.link("ada")
        [refreshed] = harness.refresh_due()
        assert "Redis" in str(refreshed.error)
        assert harness.calls("/") == 0
