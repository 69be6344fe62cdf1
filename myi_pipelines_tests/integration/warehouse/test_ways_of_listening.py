"""How plays were heard: the families of platforms, and statistics by context that need no event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from myi_pipelines.sources.exports import Context, Play, Track
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.spotify_payloads import SpotifyObject, land_objects
from myi_pipelines_tests.support.reference import Polled
from myi_pipelines_tests.support.strategies import ACCOUNT, CONTEXT, spotify_id
from myi_pipelines_tests.support.warehouse_harness import Warehouse

FAMILIES = {
    "android": ["android", "Android OS 7.0 API 24 (samsung, SM-G935F)", "Android-tablet OS 5.1.1 API 22 (HUAWEI, T1)"],
    "ios": ["ios", "iOS 10.3.2 (iPhone8,1)", "iOS 9.3.5 (iPad2,5)", "Partner ios_sdk Acme;;;"],
    "macos": ["osx", "OS X 10.12.4 [x86 4]", "OS X 12.5.1 [arm 2]", "macos"],
    "windows": ["windows", "Windows 10 (10.0.15063; x64)", "Windows Phone 8.1", "Windows 8 (6.2.9200; x86; S)"],
    "linux": ["linux", "Linux [x86-64 0]", "Chrome OS"],
    "web": ["web_player", "WebPlayer (websocket RFC6455)", "web_player osx 10.13.6;safari 12.1;desktop",
            "web_player android 10;chrome 88.0;smartphone"],
    "tv": ["Partner android_tv Sony;BRAVIA 4K;;tpapi", "Partner webos_tv LGE;W18K;;tpapi", "Partner tizen_tv Samsung;;",
           "Partner roku_tv roku;roku;;", "Android TV", "Partner apple_tv apple;tvos;;", "tvOS 14.0 (AppleTV6,2)",
           "Partner google cast_tv;Chromecast;;tpapi", "Partner amazon_fire_tv Amazon;AFTT;;"],
    "speaker": ["cast", "Partner google cast;Chromecast;;", "Partner sonos_imx6 Sonos;OneSL;;tpapi",
                "Partner amazon_salmon Amazon;Echo_Dot;;tpapi", "Partner bose_soundtouch Bose;;;",
                "Partner denon_avr Denon;AVR-X2500H;;", "Partner frontier_jupiter Roberts;;;"],
    "car": ["Android Auto", "Partner android_automotive Volvo;;;", "Partner spotify superbird;car thing;;",
            "Partner tesla Tesla;Model_3;;", "car"],
    "console": ["Partner scei_playstation_4 Sony;PS4;;", "sony_playstation", "Partner microsoft_xbox_one Microsoft;;",
                "ps5"],
    "watch": ["watchOS 8.0 (Watch6,1)", "Partner garmin_watch Garmin;fenix;;", "Partner samsung_gear Samsung;R760;;"],
    "unknown": ["", "  ", "not_applicable"],
    "other": ["Squeezebox", "libspotify 12.1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "family"), [(platform, family) for family, some in FAMILIES.items() for platform in some]
)
def test_a_platform_has_a_family(conn: Connection, platform: str, family: str) -> None:
    assert conn.execute("SELECT platform_family(%s), platform_family(NULL)", [platform]).fetchone() == (
        family,
        "unknown",
    )


def ways(warehouse: Warehouse, relation: str, dimension: str) -> dict[str, int]:
    query = f"SELECT value, sum(play_count)::integer FROM {relation} WHERE dimension = %s GROUP BY value"
    return dict(warehouse.conn.execute(query.encode(), [dimension]).fetchall())


def test_every_dimension_tells_of_every_play(warehouse: Warehouse) -> None:
    user_id, ended = warehouse.user("anna", "UTC"), datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
    song = Track(spotify_id("a"), "Song", "Artist", None)
    contexts = [CONTEXT, CONTEXT._replace(country="ZZ", reason_end="", shuffle=True), Context(*[None] * 8)]
    plays = [Play(song, context, ended, ended, 100_000) for context in contexts]
    plays = [
        play._replace(played_at=ended + timedelta(hours=hours), stopped_at=ended + timedelta(hours=hours))
        for hours, play in enumerate(plays)
    ]
    skipped = plays[0]._replace(played_at=ended - timedelta(days=40), stopped_at=ended - timedelta(days=40))
    told = Play(Track(None, "Other", "Artist", None), ACCOUNT, ended, ended, 60_000)
    warehouse.land(user_id, [*plays, skipped._replace(ms_played=29_999), told])
    warehouse.poll(user_id, [Polled(spotify_id("b"), ended + timedelta(days=1), 200_000)])
    warehouse.settle([user_id])

    assert ways(warehouse, "user_context_months", "SHARE_HEARD") == {"unknown": 6}
    for relation in ("user_context_months", "user_context_stats"):
        assert ways(warehouse, relation, "PLATFORM") == {"ios": 3, "unknown": 3}
        assert ways(warehouse, relation, "COUNTRY") == {"NZ": 2, "unknown": 4}
        assert ways(warehouse, relation, "REASON_END") == {"trackdone": 2, "unknown": 4}
        assert ways(warehouse, relation, "SHUFFLE") == {"false": 2, "true": 1, "unknown": 3}
        assert ways(warehouse, relation, "SKIP") == {"false": 5, "true": 1}


def test_the_share_heard_follows_the_length_of_a_track_at_once(warehouse: Warehouse) -> None:
    user_id, ended = warehouse.user("anna", "UTC"), datetime(2021, 5, 5, 12, 0, tzinfo=UTC)
    song = Track(spotify_id("a"), "Song", "Artist", None)
    lengths = (24_999, 25_000, 74_999, 95_000, 100_000)
    ends = [ended + timedelta(days=20 * number) for number in range(len(lengths))]
    warehouse.land(user_id, [Play(song, CONTEXT, end, end, ms) for end, ms in zip(ends, lengths, strict=True)])
    warehouse.poll(user_id, [Polled(spotify_id("a"), ended + timedelta(days=10), 100_000)])
    warehouse.settle([user_id])
    assert ways(warehouse, "user_context_months", "SHARE_HEARD") == {"unknown": 6}

    payload = {"id": song.spotify_id, "name": "Song", "artists": [{"id": spotify_id("q"), "name": "Artist"}]}
    for duration_ms, shares in (
        (100_000, {"under 25%": 1, "25% to 50%": 1, "50% to 75%": 1, "95% or more": 2, "unknown": 1}),
        (125_000, {"under 25%": 2, "50% to 75%": 1, "75% to 95%": 2, "unknown": 1}),
    ):
        track = SpotifyObject("track", spotify_id("a"), payload | {"duration_ms": duration_ms})
        land_objects(warehouse.conn, [track])
        warehouse.sync()
        assert ways(warehouse, "user_context_months", "SHARE_HEARD") == shares
