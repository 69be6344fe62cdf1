"""The shapes that programs of others speak: ListenBrainz' real client, and what Homepage's widget sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from liblistenbrainz import ListenBrainz
from liblistenbrainz.errors import InvalidAuthTokenException, ListenBrainzAPIException

from myi_pipelines.serving.access.tokens import make_token
from myi_pipelines.sources.exports import Play, Track
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines_tests.integration.serving.api.conftest import Api, api_over
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.shared_servers import SessionServers
from myi_pipelines_tests.support.strategies import CONTEXT
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

USER_ID = 1
DAYS = 1100
"""On which a song is played, until the day after the first test began, since a later test may run past midnight."""


@pytest.fixture(scope="module")
def until_now(
    session_servers: SessionServers, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A listener who has played a song every day from before the year before last until tomorrow."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ends = [tomorrow - timedelta(days=day) for day in range(DAYS)]
    plays = [Play(Track("1" * 22, "Song", "Artist", "Album"), CONTEXT, end, end, 200_000) for end in ends]
    with session_servers.database(shared_servers.database_name(f"{__name__} until now", worker_id)) as url:
        with open_warehouse(url) as warehouse:
            user_id = warehouse.user("user-1", "UTC")
            assert user_id == USER_ID
            warehouse.land(user_id, plays)
            warehouse.settle([user_id])
        with api_over(url, tmp_path_factory.mktemp("home"), "user-1") as served:
            yield served


def token(api: Api, *rights: str) -> str:
    with connect(api.url) as conn:
        return make_token(conn, USER_ID, "a test", rights).text


@pytest.fixture(params=["", "/apis/listenbrainz"])
def client(api: Api, request: pytest.FixtureRequest) -> ListenBrainz:
    """The client, at each of the addresses under which programs are told to look."""
    found = ListenBrainz(api_base_url=api.server.url)
    get = found._get
    found._get = lambda path, **more: get(request.param + path, **more)
    found.set_auth_token(token(api, "stats:read", "history:read"))
    return found


def test_the_client_s_token_is_valid_or_not(api: Api) -> None:
    with pytest.raises(InvalidAuthTokenException):
        ListenBrainz(api_base_url=api.server.url).set_auth_token("wrong")
    missing = api.server.ask("GET", "/1/validate-token")
    assert (missing.status, set(missing.json)) == (400, {"code", "error"})
    text = token(api, "history:read")
    for path, headers in (
        ("/1/validate-token", {"Authorization": f"tOKEN {text}"}),
        (f"/1/validate-token?token={text}", {}),
    ):
        told = api.server.ask("GET", path, headers).json
        assert told == {"code": 200, "message": "Token valid.", "valid": True, "user_name": "user-1"}


def test_the_client_pages_through_all_listens(api: Api, client: ListenBrainz) -> None:
    count = client.get_user_listen_count(api.user)
    assert count == api.data("{u}/totals?range=all")["current"]["play_count"]
    listens, max_ts = [], None
    while page := client.get_listens(api.user, max_ts=max_ts, count=97):
        listens += page
        max_ts = page[-1].listened_at
    assert len(listens) == count
    starts = [one.listened_at for one in listens]
    assert starts == sorted(starts, reverse=True)
    assert listens[0].spotify_id.startswith("https://open.spotify.com/track/")
    middle = starts[count // 2]
    after = client.get_listens(api.user, min_ts=middle, count=5)
    assert [one.listened_at for one in after] == [one for one in starts if one > middle][-5:]
    assert client.get_listens(api.user, min_ts=starts[0]) == []


def test_the_client_gets_what_lists_say(api: Api, client: ListenBrainz) -> None:
    artists = client.get_user_artists(api.user, count=3, offset=1)["payload"]
    rows = api.data("{u}/tops/artists?range=all&limit=4")[1:]
    assert [(one["artist_name"], one["listen_count"]) for one in artists["artists"]] == [
        (row["item"]["name"], row["play_count"]) for row in rows
    ]
    assert artists["total_artist_count"] == api.data("{u}/totals/distinct?range=all")["artists"]
    assert artists["range"] == "all_time"
    recordings = client.get_user_recordings(api.user, count=1)["payload"]["recordings"]
    assert recordings[0]["listen_count"] == api.data("{u}/tops/songs?range=all&limit=1")[0]["play_count"]
    releases = client.get_user_releases(api.user, count=1)["payload"]["releases"]
    assert releases[0]["release_name"] == api.data("{u}/tops/albums?range=all&limit=1")[0]["item"]["name"]
    for name in ("listening-activity", "daily-activity"):
        payload = client._get(f"/1/stats/user/{api.user}/{name}")["payload"]
        assert payload["from_ts"] < payload["to_ts"] <= datetime.now(UTC).timestamp() + 366 * 86_400
    days = payload["daily_activity"]
    assert sum(hour["listen_count"] for day in days.values() for hour in day) == client.get_user_listen_count(api.user)


def test_errors_are_those_of_listenbrainz(api: Api, client: ListenBrainz) -> None:
    with pytest.raises(ListenBrainzAPIException) as found:
        client.get_user_artists("nobody")
    assert found.value.status_code == 404
    assert client.get_user_artists(api.user, time_range="this_week") is None  # long after the last play: 204
    for path in (
        "/1/user/user-1/listens?max_ts=1&min_ts=1",
        "/1/user/user-1/listens?count=many",
        "/1/stats/user/user-1/artists?range=always",
    ):
        answer = api.server.ask("GET", path, {"X-Viewer": "operator"})
        assert (answer.status, set(answer.json)) == (400, {"code", "error"})
    refused = api.server.ask("GET", "/1/user/user-1/listens", {"Authorization": "Token wrong"})
    assert (refused.status, refused.json["code"]) == (401, 401)
    statistics = {"Authorization": f"Token {token(api, 'stats:read')}"}
    assert api.server.ask("GET", "/1/user/user-1/listens", statistics).status == 404
    assert api.server.ask("GET", "/1/user/user-2/listens", statistics).status == 404


def month_first(day: date, months_before: int = 0) -> date:
    """The first day of the month of the day, or of one before it."""
    years, month = divmod(day.year * 12 + day.month - 1 - months_before, 12)
    return date(years, month + 1, 1)


def months_ended(today: date, length: int) -> tuple[date, date, date]:
    """The last whole quarter, half or year: the first day of the one before it, its own, and the day after it."""
    ago = (today.month - 1) % length
    return month_first(today, ago + 2 * length), month_first(today, ago + length), month_first(today, ago)


def weeks_ended(today: date, weeks: int) -> date:
    """The Monday of this week or of one before it."""
    return today - timedelta(days=today.weekday() + 7 * weeks)


DAYS_OF_RANGES: dict[str, Callable[[date], tuple[date, date, date]]] = {
    "this_week": lambda today: (weeks_ended(today, 1), weeks_ended(today, 0), today + timedelta(days=1)),
    "this_month": lambda today: (month_first(today, 1), month_first(today), today + timedelta(days=1)),
    "this_year": lambda today: (date(today.year - 1, 1, 1), date(today.year, 1, 1), today + timedelta(days=1)),
    "week": lambda today: (weeks_ended(today, 2), weeks_ended(today, 1), weeks_ended(today, 0)),
    "month": lambda today: (month_first(today, 2), month_first(today, 1), month_first(today)),
    "quarter": lambda today: months_ended(today, 3),
    "half_yearly": lambda today: months_ended(today, 6),
    "year": lambda today: months_ended(today, 12),
}
"""The first day of the range before, the first of the range, and the day after it."""


@pytest.mark.parametrize("name", DAYS_OF_RANGES)
def test_every_range_of_listenbrainz_has_its_days(until_now: Api, name: str) -> None:
    """A play a day: as many as days, of one song."""
    before, first, end = DAYS_OF_RANGES[name](datetime.now(UTC).date())
    told = {}
    for what in ("artists", "recordings", "daily-activity", "listening-activity"):
        answer = until_now.server.ask("GET", f"/1/stats/user/user-1/{what}?range={name}", {"X-Viewer": "operator"})
        assert answer.status == 200, what
        told[what] = answer.json["payload"]
        begins, ends = (datetime.fromtimestamp(told[what][key], UTC) for key in ("from_ts", "to_ts"))
        assert begins.date() == (before if what == "listening-activity" else first)
        assert ends == datetime.combine(end, time(), UTC) - timedelta(seconds=1)
        assert told[what]["range"] == name
    days = (end - first).days
    for what in ("artists", "recordings"):
        assert [one["listen_count"] for one in told[what][what]] == [days]
    hours = [hour for day in told["daily-activity"]["daily_activity"].values() for hour in day]
    assert len(hours) == 7 * 24
    assert sum(hour["listen_count"] for hour in hours) == days
    steps = told["listening-activity"]["listening_activity"]
    assert steps[0]["from_ts"] == told["listening-activity"]["from_ts"]
    assert all(one["to_ts"] + 1 == following["from_ts"] for one, following in pairwise(steps))
    assert sum(one["listen_count"] for one in steps) == (end - before).days


def test_ranges_without_a_play_have_no_statistics(api: Api) -> None:
    for name in ("artists", "listening-activity", "daily-activity"):
        for span in ("week", "this_week"):
            answer = api.server.ask("GET", f"/1/stats/user/user-1/{name}?range={span}", {"X-Viewer": "operator"})
            assert (answer.status, answer.body) == (204, b"")


def test_homepage_s_widget_counts_what_totals_say(api: Api) -> None:
    asked = {"start": "2025-01-01T00:00:00.000Z", "timeSplit": "all", "token": token(api, "embed:read")}
    [songs], [spent], [artists] = (
        json.loads(api.server.ask("GET", f"/spotify/{name}?{urlencode(asked)}").body)
        for name in ("songs_per", "time_per", "different_artists_per")
    )
    days = "range=2025-01-01..2025-12-31"
    told = api.data(f"{{u}}/totals?{days}")["current"]
    assert (songs["count"], spent["count"]) == (told["play_count"], told["total_ms"])
    distinct = api.data(f"{{u}}/totals/distinct?{days}")
    assert (songs["differents"], len(artists["artists"])) == (distinct["songs"], distinct["artists"])


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"start": "yesterday"}, 400),
        ({"timeSplit": "day"}, 400),
        ({"timeSplit": "hour"}, 400),
        ({"token": "wrong"}, 401),
        ({"token": ""}, 401),
    ],
)
def test_homepage_s_widget_hears_what_is_wrong(api: Api, changed: dict[str, str], status: int) -> None:
    asked = {"start": "2025-01-01", "timeSplit": "all", "token": token(api, "embed:read")} | changed
    assert api.server.ask("GET", f"/spotify/time_per?{urlencode(asked)}").status == status


@pytest.mark.parametrize(("split", "days"), [("year", 700), ("month", 400), ("week", 400)])
def test_homepage_s_widget_may_ask_part_by_part(until_now: Api, split: str, days: int) -> None:
    first = datetime.now(UTC).date() - timedelta(days=days)
    asked = {"start": f"{first}T00:00:00.000Z", "token": token(until_now, "embed:read")}
    whole, parts = (
        json.loads(until_now.server.ask("GET", f"/spotify/time_per?{urlencode(asked | {'timeSplit': one})}").body)
        for one in ("all", split)
    )
    assert sum(one["count"] for one in parts) == whole[0]["count"] > 0
    assert len({json.dumps(one["_id"]) for one in parts}) == len(parts) > 1
    assert set(parts[0]["_id"]) == {"year", split}


def test_weeks_bear_the_numbers_of_their_thursdays_on_whatever_day_they_begin(api: Api) -> None:
    with connect(api.url) as conn:
        conn.execute("UPDATE user_settings SET week_starts_on = 6 WHERE user_id = %s", [USER_ID])
        [(today,)] = conn.execute(
            "SELECT (now() AT TIME ZONE timezone)::date FROM user_settings WHERE user_id = %s", [USER_ID]
        )
    try:
        sunday = today - timedelta(days=today.isoweekday() % 7 + 70)
        asked = {"start": f"{sunday + timedelta(days=1)}T12:00:00Z", "timeSplit": "week"}
        query = urlencode(asked | {"token": token(api, "embed:read")})
        weeks = [one["_id"] for one in json.loads(api.server.ask("GET", f"/spotify/time_per?{query}").body)]
    finally:
        with connect(api.url) as conn:
            conn.execute("UPDATE user_settings SET week_starts_on = 0")
    thursdays = [(sunday + timedelta(days=4 + 7 * number)).isocalendar() for number in range(11)]
    assert weeks == [{"year": one.year, "week": one.week} for one in thursdays]


def test_who_is_silent_plays_nothing_now(api: Api) -> None:
    headers = {"Authorization": f"Token {token(api, 'history:read')}"}
    answer = api.server.ask("GET", "/1/user/user-1/playing-now", headers)
    assert answer.json == {"payload": {"count": 0, "user_id": "user-1", "playing_now": True, "listens": []}}


def test_only_a_token_for_embedding_may_stand_in_an_address(api: Api) -> None:
    asked = {"start": "2025-01-01", "token": token(api, "stats:read")}
    assert api.server.ask("GET", f"/spotify/time_per?{urlencode(asked)}").status == 401
    assert api.server.ask("GET", f"/api/v1/users/user-1?{urlencode(asked)}").status == 404


def test_nothing_answers_where_koito_would(api: Api) -> None:
    assert api.server.ask("GET", "/apis/web/v1/stats").status == 404
