"""The demo's sample history: the same bytes for the same seed, and everything that real exports contain."""

import doctest
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from myi_pipelines.simulator import sample as sample_package
from myi_pipelines.simulator.sample import SampleUser, write_sample
from myi_pipelines.simulator.sample.made_up_music import Song
from myi_pipelines.simulator.sample.made_up_plays import clock_changes

END = date(2025, 10, 31)
Row = dict[str, Any]

IDENTITY = {"username", "user_agent_decrypted", "ip_addr_decrypted"}
AUDIOBOOK = {"audiobook_title", "audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SampleUser]:
    return {user.name: user for user in write_sample(tmp_path_factory.mktemp("sample"), end=END)}


def members(path: Path, part: str = "") -> dict[str, Any]:
    with ZipFile(path) as file:
        return {
            name: json.loads(file.read(name)) for name in file.namelist() if part in name and name.endswith(".json")
        }


def rows(path: Path, part: str = "") -> list[Row]:
    return [row for member in members(path, part).values() for row in member]


def plays(user: SampleUser) -> Iterator[Row]:
    """Rows of the user's newest extended export. Rows that two members share appear once."""
    newest = next(file for file in user.files if file.name == "my_spotify_data.zip")
    yield from {tuple(row.values()): row for row in rows(newest)}.values()


def ends_at(row: Row) -> datetime:
    return datetime.fromisoformat(row["ts"])


def digests(users: list[SampleUser]) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for user in users for file in user.files]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (
        digests(write_sample(tmp_path / name, seed=seed, years=2, plays=3_000, end=END))
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.thorough
def test_about_sixty_thousand_plays_over_six_years_end_on_the_last_day(sample: dict[str, SampleUser]) -> None:
    account_only = 0
    ends: list[datetime] = []
    total = 0
    for user in sample.values():
        found = list(plays(user))
        total += len(found)
        ends += (ends_at(row) for row in found)
        last = max(ends_at(row) for row in found)
        for file in user.files:
            for row in rows(file, "StreamingHistory_"):
                ended = datetime.strptime(row["endTime"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
                ends.append(ended)
                account_only += ended > last
    assert 57_000 < total + account_only < 63_000
    assert account_only > 20
    assert datetime(2019, 10, 31, tzinfo=UTC) <= min(ends) < datetime(2019, 11, 15, tzinfo=UTC)
    assert datetime(2025, 10, 30, tzinfo=UTC) < max(ends) < datetime(2025, 11, 1, tzinfo=UTC)


def test_three_users_have_three_time_zones_and_three_folders(
    sample: dict[str, SampleUser],
) -> None:
    zones = {name: user.timezone for name, user in sample.items()}
    assert zones == {"ada": "America/St_Johns", "bela": "Europe/Budapest", "chandra": "Asia/Kathmandu"}
    for user in sample.values():
        assert all(file.parent.name == user.name and file.suffix == ".zip" for file in user.files)


def test_zips_are_laid_out_like_spotifys(sample: dict[str, SampleUser]) -> None:
    with ZipFile(sample["ada"].files[0]) as file:
        assert file.namelist() == [
            "Spotify Extended Streaming History/ReadMeFirst_ExtendedStreamingHistory.pdf",
            "Spotify Extended Streaming History/Streaming_History_Audio_2019-2023_0.json",
            "Spotify Extended Streaming History/Streaming_History_Audio_2023-2025_1.json",
            "Spotify Extended Streaming History/Streaming_History_Video_2019-2025.json",
        ]
        assert max(info.file_size for info in file.infolist()) < 14_000_000
    assert list(members(sample["bela"].files[0])) == ["MyData/endsong_0.json", "MyData/endvideo.json"]
    account = list(members(sample["chandra"].files[1]))
    assert "Spotify Account Data/StreamingHistory_music_0.json" in account
    assert "Spotify Account Data/StreamingHistory_podcast_0.json" in account
    assert "Spotify Account Data/YourLibrary.json" in account


def test_the_keys_of_every_period_are_there(sample: dict[str, SampleUser]) -> None:
    old, new = (set(rows(file)[0]) for file in sample["bela"].files)
    terse = set(rows(sample["chandra"].files[0])[0])
    assert old >= IDENTITY
    assert not new & IDENTITY
    assert new >= AUDIOBOOK
    assert not (old | terse) & AUDIOBOOK
    assert "ip_addr" in new & terse
    assert "ip_addr" not in old
    addresses = {row[key] for file in sample["bela"].files for row in rows(file)
                 for key in ("ip_addr", "ip_addr_decrypted") if key in row}  # fmt: skip
    assert all(one.startswith(("192.0.2.", "198.51.100.", "203.0.113.")) for one in addresses)


def test_exports_of_one_user_overlap(sample: dict[str, SampleUser]) -> None:
    def identities(file: Path) -> set[tuple[str, str, int]]:
        return {
            (row["ts"], row["spotify_track_uri"], row["ms_played"]) for row in rows(file) if row["spotify_track_uri"]
        }

    before, after = map(identities, sample["bela"].files)
    assert before < after
    extended, now, spring, old = sample["chandra"].files
    minutes = {
        (ends_at(row).strftime("%Y-%m-%d %H:%M"), row["ms_played"]): row["master_metadata_track_name"]
        for row in rows(extended)
    }
    in_both = [(row["endTime"], row["msPlayed"]) in minutes for row in rows(now, "_music_")]
    assert 0.8 < sum(in_both) / len(in_both) < 1
    earlier = [*rows(spring, "_music_"), *rows(spring, "_podcast_"), *rows(old, "StreamingHistory")]
    assert all((row["endTime"], row["msPlayed"]) in minutes for row in earlier)
    since = min(row["endTime"] for row in rows(now, "_music_"))
    later = {(row["endTime"], row["msPlayed"]) for row in rows(now, "_music_")}
    missing = [row for row in rows(spring, "_music_") if row["endTime"] > since
               and (row["endTime"], row["msPlayed"]) not in later]  # fmt: skip
    assert missing
    assert max(row["endTime"] for row in missing)[:10] < "2024-11-07"
    titles = {(minutes[row["endTime"], row["msPlayed"]], row["trackName"]) for row in rows(old, "StreamingHistory")
              if row["trackName"] != "Unknown Track"}  # fmt: skip
    assert sum(title is not None and title != former for title, former in titles) > 3
    first, second = members(sample["ada"].files[0], "Audio").values()
    assert second[0] in first[-20:]


def test_podcasts_videos_audiobooks_and_local_files_are_there_too(sample: dict[str, SampleUser]) -> None:
    found = [row for user in sample.values() for row in plays(user)]
    assert sum(row["episode_name"] is not None for row in found) > 300
    assert sum(row.get("audiobook_title") is not None for row in found) > 10
    assert sum(str(row["spotify_track_uri"]).startswith("spotify:local:") for row in found) > 50
    assert sum(row["master_metadata_track_name"] is row["episode_name"] is None for row in found) > 20
    videos = rows(sample["ada"].files[0], "Video") + rows(sample["bela"].files[1], "Video")
    assert any(row["spotify_track_uri"] for row in videos)
    assert any(row["episode_name"] for row in videos)
    counts = Counter((flag, row[flag]) for row in found for flag in ("offline", "incognito_mode", "shuffle", "skipped"))
    assert min(counts.values()) > 100
    assert {key for key, _ in counts} == {"offline", "incognito_mode", "shuffle", "skipped"}
    assert ("skipped", None) in counts


def test_account_data_has_placeholders_and_before_2024_podcasts_as_music(sample: dict[str, SampleUser]) -> None:
    _, now, spring, old = sample["chandra"].files
    shows = {row["podcastName"] for account in (now, spring) for row in rows(account, "_podcast_")}
    assert shows & {row["artistName"] for row in rows(old, "StreamingHistory")}
    assert list(members(old, "StreamingHistory")) == ["MyData/StreamingHistory0.json"]
    assert rows(now, "_audiobook_")
    placeholders = [(row["trackName"], row["artistName"]) for account in (now, spring, old)
                    for row in rows(account, "StreamingHistory") if "Unknown" in row.get("trackName", "")]  # fmt: skip
    assert set(placeholders) == {("Unknown Track", "Unknown Artist")}


def test_streams_are_exported_twice_pauses_show_and_undated_batches_have_one_time(
    sample: dict[str, SampleUser],
) -> None:
    found = sorted(plays(sample["ada"]), key=lambda row: row["ts"])
    ends: dict[tuple[str, int], list[datetime]] = {}
    for row in found:
        if row["ms_played"] >= 60_000:
            ends.setdefault((row["spotify_track_uri"], row["ms_played"]), []).append(ends_at(row))
    apart = [after - before for times in ends.values() for before, after in pairwise(times)]
    assert sum(timedelta(0) < gap < timedelta(seconds=20) for gap in apart) > 15
    lasted = [ends_at(row).timestamp() - row["offline_timestamp"] - row["ms_played"] / 1000
              for row in found if row["offline"] is False and (row["offline_timestamp"] or 0) > 1]  # fmt: skip
    assert len(lasted) > 0.5 * len(found)
    assert 0.01 < sum(paused > 7 for paused in lasted) / len(lasted) < 0.05
    batches = Counter(row["ts"] for row in found if row["offline"] and not row["offline_timestamp"])
    assert sum(batches.values()) > 50
    assert max(batches.values()) > 4


def test_videos_are_previews_and_songs_that_were_switched_to_their_video(sample: dict[str, SampleUser]) -> None:
    videos = [row for row in rows(sample["ada"].files[0], "Video") if row["spotify_track_uri"]]
    previews = [row for row in videos if row["reason_start"] == "unknown" and row["offline"] is None]
    assert len(previews) > 30
    assert sum(row["ms_played"] < 5_000 for row in previews) > len(previews) / 3
    assert any(row["reason_start"] == "switched-to-video" for row in videos)


def test_a_hit_is_on_several_releases(sample: dict[str, SampleUser]) -> None:
    songs = {play.thing for play in sample["ada"].plays if isinstance(play.thing, Song)}
    releases = Counter(song.recording for song in songs)
    hits = {song for song, count in releases.items() if count == 4}
    assert max(releases.values()) == 4
    assert len(hits) > 2
    for title, artist in hits:
        of_hit = [song for song in songs if song.recording == (title, artist)]
        assert {song.title for song in of_hit} == {title, f"{title} - Remastered 2011"}
        assert len({song.spotify_id for song in of_hit}) == 4
    assert any((f"{title} - Live at the Cistern", artist) in releases for title, artist in hits)
    played = Counter(play.thing.recording for play in sample["ada"].plays if isinstance(play.thing, Song))
    split = sum(count for song, count in played.items() if releases[song] > 1)
    assert 0.02 < split / played.total() < 0.18


def test_polls_showed_ends_and_starts_and_a_few_plays_under_another_id(sample: dict[str, SampleUser]) -> None:
    shown = [row for user in sample.values() for row in user.polled]
    assert all(row.play in set(sample[name].plays) for name in sample for row in sample[name].polled[:20])
    by_start = sum(abs(row.shown_ms - row.play.started_ms) < 1_000 for row in shown)
    by_end = sum(abs(row.shown_ms - row.play.ended_ms) < 1_000 for row in shown)
    assert 0.15 < by_start / len(shown) < 0.35
    assert by_start + by_end == len(shown)
    assert sum(row.track_id != row.play.track_id for row in shown) > 0


def test_skips_and_silence_are_as_common_as_in_real_exports(sample: dict[str, SampleUser]) -> None:
    found = [row["ms_played"] for user in sample.values() for row in plays(user)]
    assert 0.005 < sum(ms == 0 for ms in found) / len(found) < 0.02
    assert 0.15 < sum(ms < 30_000 for ms in found) / len(found) < 0.4
    assert 0.9 < sum(ms >= 5_000 for ms in found) / len(found) < 0.97


def test_offline_plays_reach_spotify_hours_later_with_the_devices_time_in_either_unit(
    sample: dict[str, SampleUser],
) -> None:
    old, new = ([row for row in rows(file) if row["offline"]] for file in sample["bela"].files)
    assert {len(str(row["offline_timestamp"])) for row in old} == {1, 13}
    assert {len(str(row["offline_timestamp"])) for row in new} == {1, 10}
    delays = [
        ends_at(row) - datetime.fromtimestamp(row["offline_timestamp"], UTC) - timedelta(milliseconds=row["ms_played"])
        for row in new
        if row["offline_timestamp"]
    ]
    assert min(delays) >= timedelta(0)
    assert sum(delay > timedelta(hours=1) for delay in delays) > 300
    assert max(delays) > timedelta(days=2)


@pytest.mark.parametrize("name", ["ada", "bela"])
def test_there_is_music_in_the_hour_when_clocks_change(sample: dict[str, SampleUser], name: str) -> None:
    zone = ZoneInfo(sample[name].timezone)
    ends = [ends_at(row).astimezone(zone) for row in plays(sample[name])]
    heard_on = Counter(end.date() for end in ends if end.hour < 5)
    changes = clock_changes(zone, END - timedelta(days=6 * 365), END)
    assert len(changes) == 12
    assert sum(heard_on[day] >= 5 for day in changes) >= 8


def test_favourites_change_and_plays_are_skewed(sample: dict[str, SampleUser]) -> None:
    found = [row for row in plays(sample["ada"]) if row["spotify_track_uri"] and row["ms_played"] >= 5_000]
    by_track = Counter(row["spotify_track_uri"] for row in found)
    assert sum(sorted(by_track.values())[-len(by_track) // 10 :]) > 0.35 * len(found)
    assert by_track.most_common(1)[0][1] < 0.02 * len(found)

    def top(year: int) -> set[str]:
        heard = Counter(row["master_metadata_album_artist_name"] for row in found if ends_at(row).year == year)
        return {artist for artist, _ in heard.most_common(10)}

    assert len(top(2020) & top(2025)) < 6


def test_names_are_as_awkward_as_real_ones(sample: dict[str, SampleUser]) -> None:
    found = {
        (row["master_metadata_track_name"], row["master_metadata_album_artist_name"], row["spotify_track_uri"])
        for user in sample.values()
        for row in plays(user)
        if row["spotify_track_uri"]
    }
    artists_of_title = Counter(title for title, _ in {(title, artist) for title, artist, _ in found})
    ids_of_song = Counter((title, artist) for title, artist, _ in found)
    assert artists_of_title.most_common(1)[0][1] > 1
    assert ids_of_song.most_common(1)[0][1] > 1
    assert any("(feat. " in title for title, _, _ in found)
    assert any(artist == "Various Artists" for _, artist, _ in found)
    assert any(not title.isascii() for title, _, _ in found)


@pytest.mark.parametrize("wrong", [{"users": 0}, {"users": 99}, {"years": 0}, {"plays": 10}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="100 plays a user or more"):
        write_sample(tmp_path, end=END, **wrong)


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(sample_package) == (0, 2)
