"""What notebooks read is what the API answers, cell by cell, in the types that are promised."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import cycle
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import myi_pipelines as myi
from myi_pipelines.serving.queries.scope import InvalidRange
from myi_pipelines_tests.support.sampled_listeners import ZONES
from myi_pipelines_tests.support.web import Server

RANGES = ["all", "2025-04", "2024-12-28..2025-01-03", "2019"]
ITEM = {"id": "id", "name": "name", "artist": "artist", "artist_id": "artist_id", "album": "album"}
ITEM |= {"album_id": "album_id", "spotify_id": "spotify_id", "duration_ms": "duration_ms"}
EVER = {"ever_play_count": "play_count", "ever_total_ms": "total_ms"}
EVER |= {one: one for one in ("first_played_at", "last_played_at")}
COUNTS = ("play_count", "total_ms")
BEFORE = {f"{one}_before": f"before.{one}" for one in ("rank", *COUNTS)}


def same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def below(name: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {column: f"{name}.{field}" for column, field in fields.items()}


TRACK = below("track", {"track_id": "id", "track": "name"} | {one: ITEM[one] for one in list(ITEM)[2:]})
TOP = same("rank", *COUNTS, "recordings") | BEFORE | below("item", ITEM | EVER)
PLAY = TRACK | same("id", "played_at", "started_at", "ms_played", "is_skip", "is_estimated", "source", "platform")
PLAY |= same("platform_family", "country", "reason_start", "reason_end", "shuffle", "offline", "incognito")


class Same(NamedTuple):
    """A question, asked as a notebook does, and where the API has its answer."""

    ask: Callable[[myi.Listening, str], pd.DataFrame]
    path: str
    fields: Mapping[str, str]
    """Where the API has each column."""


QUESTIONS = {
    "plays": Same(lambda me, days: me.plays(days), "history?", PLAY),
    "plays, in chunks": Same(lambda me, days: pd.concat(me.plays(days, chunks=250)), "history?", PLAY),
    "plays under 30 seconds": Same(lambda me, days: me.where(skipped=True).plays(days), "history?skipped=yes&", PLAY),
    "plays of a genre, in chunks": Same(
        lambda me, days: pd.concat(me.where(genre="genre 3").plays(days, chunks=90)),
        "history?genre=genre%203&",
        PLAY,
    ),
    "what is not music": Same(
        lambda me, days: me.other_plays(days),
        "history/not-music?",
        same("id", "played_at", "kind", "ms_played", "name", "show", "author", "spotify_id", "show_key")
        | same("platform_family", "country"),
    ),
    "top songs": Same(
        lambda me, days: me.top("songs", days, limit=None, against="before"), "tops/songs?against=before&", TOP
    ),
    "top recordings by time": Same(
        lambda me, days: me.top("tracks", days, by="time", limit=None), "tops/songs?of=recordings&by=time&", TOP
    ),
    "top artists on one platform": Same(
        lambda me, days: me.where(platform="linux").top("artists", days, limit=9),
        "tops/artists?platform=linux&limit=9&",
        TOP,
    ),
    "top albums": Same(
        lambda me, days: me.top("albums", days, limit=None, against="2024"), "tops/albums?against=2024&", TOP
    ),
    "top genres": Same(
        lambda me, days: me.top("genres", days, limit=None, against="2024"),
        "tops/genres?against=2024&",
        same("rank", "genre", *COUNTS) | BEFORE,
    ),
    "top shows": Same(
        lambda me, days: me.top("shows", days),
        "tops/shows?",
        same("rank", "kind", "show", "show_key", "episode_count", *COUNTS, "first_played_at", "last_played_at"),
    ),
    "days": Same(lambda me, days: me.activity("day", days), "activity?step=day&", same("first", "last", *COUNTS)),
    "weeks": Same(lambda me, days: me.activity("week", days), "activity?step=week&", same("first", "last", *COUNTS)),
    "months": Same(lambda me, days: me.activity("month", days), "activity?", same("first", "last", *COUNTS)),
    "years": Same(lambda me, days: me.activity("year", days), "activity?step=year&", same("first", "last", *COUNTS)),
    "clock": Same(lambda me, days: me.clock(days), "clock?", same("weekday", "hour", *COUNTS)),
    "ways": Same(lambda me, days: me.ways(days), "ways-of-listening?", same("dimension", "value", *COUNTS)),
    "discoveries": Same(
        lambda me, days: me.discoveries(days).reset_index(),
        "discoveries?",
        same("month", "songs", "songs_that_stayed", "artists", "artists_that_stayed", "albums"),
    ),
    "new artists": Same(
        lambda me, days: me.discovered("artists", days, limit=20),
        "discoveries/artists?limit=20&",
        same("kind") | ITEM | EVER,
    ),
}


@pytest.fixture(scope="module")
def ada(sampled_url: str) -> Iterator[myi.Listening]:
    listening = myi.connect("ada", url=sampled_url)
    yield listening
    listening.close()


@pytest.fixture(params=ZONES)
def me(ada: myi.Listening, request: pytest.FixtureRequest) -> myi.Listening:
    return ada.of(request.param)


def answered(api: Server, user: str, path: str, days: str) -> tuple[list[Any], Any]:
    """All rows of an answer, and what is known of it."""
    rows, after = [], ""
    limit = "" if "limit=" in path else "&limit=1000"
    while True:
        answer = api.ask("GET", f"/api/v1/users/{user}/{path}range={days}{limit if 'step' not in path else ''}{after}")
        assert answer.status == 200, answer.text
        rows += answer.json["data"]
        if "limit=" in path or not (following := answer.json["page"]["next"]):
            return rows, answer.json["meta"]
        after = f"&after={following}"


def field(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row and row[name]
    return row


def plain(value: Any) -> Any:
    """A cell as JSON has it."""
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat().replace("+00:00", "Z")
    if isinstance(value, pd.Period):
        return value.start_time.date().isoformat()
    return None if pd.isna(value) else value


def instant(text: str) -> str:
    return pd.Timestamp(text).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("question", "user"), list(zip(QUESTIONS, cycle(ZONES), strict=False)))
def test_a_frame_holds_what_the_api_answers(ada: myi.Listening, api: Server, question: str, user: str) -> None:
    me, (ask, path, fields) = ada.of(user), QUESTIONS[question]
    found = 0
    for days in RANGES:
        frame = ask(me, days)
        rows, meta = answered(api, me.user, path, days)
        for column, where in fields.items():
            told = [field(row, where) for row in rows]
            if column.endswith("_at"):
                told = [one and instant(one) for one in told]
            assert [plain(one) for one in frame[column]] == told, (days, column)
        assert len(frame) == len(rows)
        if not question.endswith("in chunks"):
            assert frame.attrs | {"by": meta["by"]} == meta
        found += len(rows)
    assert found


def test_the_single_answers_are_the_api_s(me: myi.Listening, api: Server) -> None:
    for days in ("all", "2025", "2025-04"):
        told = api.ask("GET", f"/api/v1/users/{me.user}/totals?range={days}").json["data"]
        frame = me.totals(days)
        assert {of: {name: plain(cell) for name, cell in row.items()} for of, row in frame.iterrows()} == {
            of: one for of, one in told.items() if one
        }
        told = api.ask("GET", f"/api/v1/users/{me.user}/streaks?range={days}").json["data"]
        found = me.streaks(days)
        assert [plain(one) for one in found["first"][:5]] == [one["first"] for one in told["longest"]]
        assert list(found["days"][:5]) == [one["days"] for one in told["longest"]]
        assert found["days"].sum() == told["days_with_plays"]
        told = api.ask("GET", f"/api/v1/users/{me.user}/sessions?range={days}").json["data"]
        if days != "all":  # of which the API reads the latest year
            sessions = me.sessions(days)
            assert len(sessions) == told["number"]
            longest = (sessions["ended_at"] - sessions["started_at"]).sort_values(ascending=False)
            assert [plain(one) for one in sessions.loc[longest.index[:1], "started_at"]] == [
                instant(one["started_at"]) for one in told["longest"][:1]
            ]
        told = api.ask("GET", f"/api/v1/users/{me.user}/releases?range={days}").json["data"]
        assert [plain(one) for one in me.releases(days)["year"]] == [one["year"] for one in told["years"]]
    told = api.ask("GET", f"/api/v1/users/{me.user}/milestones").json["data"]
    frame = me.milestones()
    assert [plain(one) for one in frame["played_at"]] == [instant(one["played_at"]) for one in told]
    assert list(frame["track"]) == [one["track"]["name"] for one in told]


def test_instants_are_at_the_listener_s_clock_and_days_are_periods(me: myi.Listening) -> None:
    plays = me.plays()
    zone = ZoneInfo(ZONES[me.user])
    assert str(plays["played_at"].dtype) == f"datetime64[us, {zone.key}]"
    days = me.activity("day")
    by_hand = plays.groupby(plays["played_at"].dt.tz_localize(None).dt.to_period("D"))["ms_played"].agg(["size", "sum"])
    heard = days[days["play_count"] > 0]
    assert list(heard.index) == list(by_hand.index)
    assert heard[["play_count", "total_ms"]].to_numpy().tolist() == by_hand.to_numpy().tolist()
    [weekday] = {one.start_time.weekday() for one in me.activity("week").index}
    assert weekday == (6 if me.user == "bela" else 0)


def test_types_are_those_that_the_guide_promises(ada: myi.Listening, sampled_url: str) -> None:
    types = ada.plays("2025").dtypes.astype(str)
    assert types[["id", "ms_played", "artist_id", "duration_ms"]].tolist() == ["int64", "int64", "Int64", "Int64"]
    assert set(types[["source", "platform", "country", "reason_end"]]) == {"category"}
    assert types[["is_skip", "shuffle"]].tolist() == ["bool", "boolean"]
    assert isinstance(ada.plays("2025")["track"].dtype, pd.StringDtype)
    assert str(ada.activity("month").index.dtype) == "period[M]"
    arrow = myi.connect("ada", url=sampled_url, dtype_backend="pyarrow")
    types = arrow.plays("2025").dtypes.astype(str)
    assert types["played_at"] == "timestamp[us, tz=Asia/Kathmandu][pyarrow]"
    assert (types["track"], types["shuffle"]) == ("string[pyarrow]", "bool[pyarrow]")
    assert str(arrow.activity("month").index.dtype) == "date32[day][pyarrow]"
    for question, (ask, _, _) in QUESTIONS.items():  # an empty frame has the types of a full one
        if question.endswith("in chunks"):  # whose categories differ: together they are texts
            continue
        assert ask(ada, "2019").dtypes.astype(str).tolist() == ask(ada, "2025").dtypes.astype(str).tolist(), question
    arrow.close()


def test_chunks_are_no_longer_than_asked(ada: myi.Listening) -> None:
    chunks = list(ada.plays("2025", chunks=100))
    assert {len(one) for one in chunks[:-1]} == {100}
    assert 0 < len(chunks[-1]) <= 100


def test_listeners_are_listed_and_changed(ada: myi.Listening) -> None:
    users = ada.users()
    assert users["name"].tolist() == sorted(ZONES)
    other = ada.of("Bela")
    assert (other.user, len(other.plays())) == ("bela", users.set_index("name")["play_count"]["bela"])
    found = ada.search(ada.top("artists", limit=1)["name"][0])
    assert found["kind"].tolist()[0] == "artist"
    assert ada.where(artist=int(found["id"][0])).totals()["play_count"]["current"] == found["ever_play_count"][0]


def test_a_text_that_names_no_days_says_what_does(ada: myi.Listening) -> None:
    with pytest.raises(InvalidRange, match="'last year' is no range: write 7d"):
        ada.plays("last year")


WRONG: dict[str, Callable[[Any], object]] = {
    "chunks=0: expected 1 or more rows": lambda me: me.plays("2025", chunks=0),
    "chunks='many': expected 1 or more rows": lambda me: me.plays("2025", chunks="many"),
    "limit=0: expected 1 or more rows, or None for all": lambda me: me.top("songs", limit=0),
    "limit=-1: expected 1 or more rows, or None for all": lambda me: me.top("genres", limit=-1),
    "limit=2.5: expected 1 or more rows, or None for all": lambda me: me.discovered("songs", limit=2.5),
    "limit=True: expected 1 or more rows": lambda me: me.search("a", limit=True),
    "kind='song': expected one of 'songs', 'tracks', 'artists', 'albums', 'genres', 'shows'": lambda me: me.top("song"),
    "kind='tracks': expected one of 'songs', 'artists', 'albums'": lambda me: me.discovered("tracks"),
    "by='ms': expected one of 'plays', 'time'": lambda me: me.top("songs", by="ms"),
    "step='hour': expected one of 'day', 'week', 'month', 'year'": lambda me: me.activity("hour"),
    "range=2024: expected a text such as '2024'": lambda me: me.totals(2024),
    "against=2024: expected a text such as 'before'": lambda me: me.top("songs", against=2024),
    "text=None: expected a text such as 'queen'": lambda me: me.search(None),
    "artist='Ado': expected an id, which search() finds by name": lambda me: me.where(artist="Ado"),
    "album=0: expected an id, which search() finds by name": lambda me: me.where(album=0),
    "genre=7: expected a text such as 'jazz'": lambda me: me.where(genre=7),
    "skipped='no': expected True, False or None": lambda me: me.where(skipped="no"),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_argument_is_one_line_that_says_what_is_right(ada: myi.Listening, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        WRONG[line](ada)


def test_ids_and_numbers_of_a_frame_are_arguments_too(ada: myi.Listening) -> None:
    first = ada.top("artists", limit=3).iloc[0]
    mine = ada.where(artist=first["id"])
    assert mine.totals()["play_count"]["current"] == first["play_count"]
    assert len(mine.top("songs", limit=first["rank"])) == 1
    assert len(mine.top("songs", limit=10**30)) == len(mine.top("songs", limit=None))


def test_another_backend_is_refused(sampled_url: str) -> None:
    with pytest.raises(ValueError, match="dtype_backend='numpy': expected 'pyarrow' or None"):
        myi.connect("ada", url=sampled_url, dtype_backend="numpy")  # type: ignore[arg-type]


def test_attrs_can_be_written_with_a_frame(ada: myi.Listening, tmp_path: Any) -> None:
    plays = ada.plays("2025-04")
    plays.to_parquet(tmp_path / "plays.parquet")
    read = pd.read_parquet(tmp_path / "plays.parquet")
    assert read.attrs == plays.attrs
    assert datetime.fromisoformat(read.attrs["as_of"]).tzinfo
