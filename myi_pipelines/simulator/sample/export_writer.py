"""Packs a user's plays the way Spotify does: rows in each era's keys, members, folders, ZIPs.

Only formats belong here; `made_up_plays` decides what was played, and when.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from json.encoder import encode_basestring
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from myi_pipelines.simulator.sample.made_up_music import RENAMED_ON, Chapter, Episode, Song
from myi_pipelines.simulator.sample.made_up_plays import Heard, LocalFile, Profile

Value: TypeAlias = str | int | bool | None
Row: TypeAlias = dict[str, Value]

MEMBER_ROWS = 15_000  # about 12 MB, where Spotify begins the next member
ACCOUNT_MEMBER_ROWS = 10_000
REPEATED_ROWS = 12  # that a member repeats of the one before
DAY_S = 86_400
SPLIT_ON = date(2024, 1, 15)  # from when account data has podcasts in files of their own
OLD_DOWNLOAD = date(2023, 11, 14)
LATE_DAYS = 24  # that only account data has, because Spotify sends it sooner
RAGGED_DAYS = 5  # at the beginning of the year that account data is of
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


class Era(NamedTuple):
    """The form of extended exports in one period."""

    folder: str
    audio: str  # of the form in which members are named
    video: str
    address_key: str
    has_identity: bool  # user name and user agent in every row
    has_audiobooks: bool
    clock_unit: int  # of offline_timestamp, in milliseconds
    indent: str


OLD = Era("MyData", "endsong_{n}.json", "endvideo.json", "ip_addr_decrypted", True, False, 1, "  ")
NEW = Era(
    "Spotify Extended Streaming History", "Streaming_History_Audio_{years}_{n}.json",
    "Streaming_History_Video_{years}.json", "ip_addr", False, True, 1000, "  ",
)  # fmt: skip
TERSE = NEW._replace(has_audiobooks=False, indent="")  # 2024: no audiobook keys yet, one line


class Export(NamedTuple):
    """One download, and the plays that it tells."""

    path: Path
    plays: tuple[Heard, ...]


class Zip:
    """A ZIP whose bytes depend only on its content: every member has the same date."""

    def __init__(self, path: Path, made: date) -> None:
        self._made_at = (made.year, made.month, made.day, 12, 0, 0)
        self._file = ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6)

    def __enter__(self) -> Zip:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        member = ZipInfo(name, self._made_at)
        member.compress_type, member.create_system, member.external_attr = ZIP_DEFLATED, 3, 0o600 << 16
        with self._file.open(member, "w") as out:
            for part in parts:
                out.write(part)


def _years(plays: Sequence[Heard]) -> str:
    first, last = (datetime.fromtimestamp(play.logged_at, UTC).year for play in (plays[0], plays[-1]))
    return str(first) if first == last else f"{first}-{last}"


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _title(song: Song, made: date) -> str:
    """The title on the day of the download."""
    return song.former_title if song.former_title and made < RENAMED_ON else song.title


def _offline_timestamp(play: Heard, era: Era) -> int | None:
    """The device's time: always there for offline plays, recently for all plays; elsewhere junk or null."""
    if play.offline:
        return play.started_ms // era.clock_unit if play.knows_start else 0
    if era.clock_unit == 1:
        return 0
    return play.started_ms // era.clock_unit if play.logged_at % 3 else (None if play.logged_at % 2 else 1)


def _row(play: Heard, era: Era, profile: Profile, made: date, skips_known: tuple[int, int]) -> Row:
    thing = play.thing
    song = thing if isinstance(thing, Song) else None
    local = thing if isinstance(thing, LocalFile) else None
    episode = thing if isinstance(thing, Episode) else None
    chapter = thing if isinstance(thing, Chapter) else None
    row: Row = {"ts": _iso(play.logged_at)}
    if era.has_identity:
        row["username"] = f"sample-{profile.name}"
    row |= {
        "platform": play.platform,
        "ms_played": play.ms_played,
        "conn_country": play.country,
        era.address_key: play.address,
    }
    if era.has_identity:
        row |= {"user_agent_decrypted": "unknown", "city": None, "region": None}
    row |= {
        "master_metadata_track_name": _title(song, made) if song else local.title if local else None,
        "master_metadata_album_artist_name": song.artist if song else local.artist if local else None,
        "master_metadata_album_album_name": song.album if song else None,
        "spotify_track_uri": f"spotify:track:{play.track_id}" if song else None,
        "episode_name": episode.title if episode else None,
        "episode_show_name": episode.show if episode else None,
        "spotify_episode_uri": episode.uri if episode else None,
    }
    if local:
        row["spotify_track_uri"] = f"spotify:local:my+own+tapes::{local.title.replace(' ', '+')}:{local.seconds}"
    if era.has_audiobooks:
        row |= {
            "audiobook_title": chapter.book if chapter else None,
            "audiobook_uri": chapter.book_uri if chapter else None,
            "audiobook_chapter_uri": chapter.uri if chapter else None,
            "audiobook_chapter_title": chapter.title if chapter else None,
        }
    unknown_until, false_until = skips_known
    skipped = None if play.logged_at < unknown_until else play.skipped and play.logged_at >= false_until
    return row | {
        "reason_start": play.reason_start,
        "reason_end": play.reason_end,
        "shuffle": play.shuffle,
        "skipped": skipped,
        "offline": play.offline,
        "offline_timestamp": _offline_timestamp(play, era),
        "incognito_mode": play.incognito,
    }


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _array(rows: Iterable[Row], indent: str) -> Iterator[bytes]:
    """A JSON array, row by row: indented, or on one line without an indent."""
    newline, colon = ("\n", ": ") if indent else ("", ":")
    before, between = newline + indent, f",{newline}{indent * 2}"
    yield b"["
    for n, row in enumerate(rows):
        pairs = between.join(f'"{key}"{colon}{_literal(value)}' for key, value in row.items())
        yield f"{',' if n else ''}{before}{{{newline}{indent * 2}{pairs}{before}}}".encode()
    yield f"{newline}]".encode()


def _with_doubled(plays: Iterable[Heard]) -> list[Heard]:
    """The rows of these plays: Spotify exports some streams twice."""
    rows = [(play, again) for play in plays for again in ([0, play.doubled_s] if play.doubled_s else [0])]
    return sorted(
        (play._replace(logged_at=play.logged_at + again) for play, again in rows), key=lambda row: row.logged_at
    )


def _write_extended(path: Path, profile: Profile, plays: Sequence[Heard], era: Era, made: date) -> Export:
    begun, ended = plays[0].logged_at, plays[-1].logged_at
    skips_known = begun + (ended - begun) // 6, begun + (ended - begun) // 2

    def rows(some: Sequence[Heard]) -> Iterator[bytes]:
        return _array((_row(play, era, profile, made, skips_known) for play in some), era.indent)

    exported = tuple(play for play in plays if era.has_audiobooks or not isinstance(play.thing, Chapter))
    audio = _with_doubled(play for play in exported if not play.is_video)
    videos = _with_doubled(play for play in exported if play.is_video)
    with Zip(path, made) as out:
        out.write(f"{era.folder}/ReadMeFirst_ExtendedStreamingHistory.pdf", [PDF])
        for n, first in enumerate(range(0, len(audio), MEMBER_ROWS)):
            some = audio[max(0, first - REPEATED_ROWS) : first + MEMBER_ROWS]
            name = era.audio.format(years=_years(some), n=n)
            if era.has_identity:  # the old exports were in no order
                some = Random(n).sample(some, len(some))
            out.write(f"{era.folder}/{name}", rows(some))
        if videos:
            out.write(f"{era.folder}/{era.video.format(years=_years(videos))}", rows(videos))
    return Export(path, exported)


def _account_row(play: Heard, made: date) -> tuple[str, Row]:
    """The file to which a row belongs, and the row. Until 2023 podcasts were written as music."""
    ended = datetime.fromtimestamp(play.logged_at, UTC).strftime("%Y-%m-%d %H:%M")
    kind, named = "music", Row()
    match play.thing:
        case Song() as song:
            named = {"artistName": song.artist, "trackName": _title(song, made)}
        case LocalFile() as local:
            named = {"artistName": local.artist, "trackName": local.title}
        case Episode() as episode if made < SPLIT_ON:
            named = {"artistName": episode.show, "trackName": episode.title}
        case Episode() as episode:
            kind, named = "podcast", {"podcastName": episode.show, "episodeName": episode.title}
        case Chapter() as chapter:
            named = {"audiobookName": chapter.book, "authorName": chapter.author, "chapterName": chapter.title}
            kind = "audiobook"
        case None:
            named = {"artistName": "Unknown Artist", "trackName": "Unknown Track"}
    return kind, {"endTime": ended, **named, "msPlayed": play.ms_played}


def _unrelated(profile: Profile, plays: Sequence[Heard]) -> dict[str, object]:
    """The other JSON files of account data, which contain no history."""
    songs = sorted({play.thing for play in plays[-400:] if isinstance(play.thing, Song)})[:40]
    tracks = [
        {"artist": s.artist, "album": s.album, "track": s.title, "uri": f"spotify:track:{s.spotify_id}"} for s in songs
    ]
    return {
        "Playlist1.json": {"playlists": [{"name": "on repeat", "items": tracks, "numberOfFollowers": 0}]},
        "YourLibrary.json": {"tracks": tracks, "albums": [], "shows": [], "artists": [], "bannedTracks": []},
        "SearchQueries.json": [{"platform": "ANDROID", "searchTime": "2024-01-01", "searchQuery": "rain"}],
        "Inferences.json": {"inferences": ["Has_Good_Taste", "Sample_Listener"]},
        "Follow.json": {"userIsFollowing": [], "userIsFollowedBy": []},
        "Userdata.json": {"username": f"sample-{profile.name}", "country": profile.country},
    }


def _write_account(path: Path, profile: Profile, plays: Sequence[Heard], made: date) -> Export:
    """The account data of a day: the year before it, whose first days are not complete."""
    last = int(datetime(made.year, made.month, made.day, tzinfo=UTC).timestamp()) + DAY_S
    first, rng = last - 365 * DAY_S, Random(f"ragged {made}")
    exported = tuple(
        play
        for play in plays
        if first <= play.logged_at < last and (play.logged_at > first + RAGGED_DAYS * DAY_S or rng.random() < 0.5)
        if made >= SPLIT_ON or not isinstance(play.thing, Chapter)
    )
    kinds: dict[str, list[Row]] = {"music": [], "podcast": [], "audiobook": []}
    for kind, row in (_account_row(play, made) for play in _with_doubled(exported)):
        kinds[kind].append(row)
    folder, music = ("Spotify Account Data", "_music_") if made >= SPLIT_ON else ("MyData", "")
    names = {"music": music, "podcast": "_podcast_", "audiobook": "_audiobook_"}
    with Zip(path, made) as out:
        out.write(f"{folder}/Read_Me_First.pdf", [PDF])
        for kind, rows in kinds.items():
            for n, begin in enumerate(range(0, len(rows), ACCOUNT_MEMBER_ROWS)):
                some = rows[begin : begin + ACCOUNT_MEMBER_ROWS]
                out.write(f"{folder}/StreamingHistory{names[kind]}{n}.json", _array(some, "  "))
        for name, value in _unrelated(profile, exported).items():
            out.write(f"{folder}/{name}", [json.dumps(value, ensure_ascii=False, indent=2).encode()])
    return Export(path, exported)


def _pack_new(folder: Path, profile: Profile, plays: Sequence[Heard], end: date) -> list[Export]:
    """One extended export of all plays."""
    return [_write_extended(folder / "my_spotify_data.zip", profile, plays, NEW, end)]


def _pack_old_and_new(folder: Path, profile: Profile, plays: Sequence[Heard], end: date) -> list[Export]:
    """An export of years ago, with the keys of that time, and one of today, which repeats all of its plays."""
    cut = plays[len(plays) * 2 // 5].logged_at
    before = [play for play in plays if play.logged_at <= cut]
    made = datetime.fromtimestamp(cut, UTC).date()
    old = _write_extended(folder / "my_spotify_data_old.zip", profile, before, OLD, made)
    return [old, *_pack_new(folder, profile, plays, end)]


def _pack_with_account_data(folder: Path, profile: Profile, plays: Sequence[Heard], end: date) -> list[Export]:
    """An extended export that ends weeks ago, the account data of the last year, which Spotify sends sooner, and that
    of earlier days: of spring, and of 2023, when podcasts were written as music."""
    end_s = int(datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()) + DAY_S
    late = end_s - LATE_DAYS * DAY_S
    # Account data gives minutes only: of a stream that only it has, a second row cannot be distinguished from a repeat.
    plays = [play._replace(doubled_s=0) if play.logged_at + play.doubled_s >= late else play for play in plays]
    exports = [
        _write_extended(
            folder / "my_spotify_data.zip", profile, [play for play in plays if play.logged_at < late], TERSE, end
        ),
        _write_account(folder / "my_spotify_data (1).zip", profile, plays, end),
    ]
    for made in (end - timedelta(days=200), OLD_DOWNLOAD):
        begun = datetime.fromtimestamp(plays[0].logged_at, UTC).date()
        if begun < made < end:
            exports.append(_write_account(folder / f"my_spotify_data_{made:%Y-%m}.zip", profile, plays, made))
    return exports


Pack: TypeAlias = Callable[[Path, Profile, Sequence[Heard], date], list[Export]]
PACKINGS: dict[str, Pack] = {
    "new": _pack_new,
    "old and new": _pack_old_and_new,
    "with account data": _pack_with_account_data,
}
