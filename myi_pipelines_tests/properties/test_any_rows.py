"""The reader agrees with a plain `json.loads` for any rows, any layout and any pieces in which the text arrives.

The rules are implemented here a second time, slowly and simply.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from myi_pipelines.sources.exports import NOTHING, UNDATED, Context, Kind, Play, Track
from myi_pipelines.sources.exports.account_data import AccountReader
from myi_pipelines.sources.exports.batches import BatchBuilder, Member
from myi_pipelines.sources.exports.extended_history import ExtendedReader
from myi_pipelines.sources.exports.json_stream import row_chunks
from myi_pipelines_tests.support.export_rows import ID, account, extended

EARLIEST = datetime(2008, 10, 1, tzinfo=UTC)
MEMBER = Member("f", False)
NASTY = [
    "},{",
    "}",
    "]",
    '"',
    "\\",
    '\\"',
    "\\u0041",
    "\ud800",
    "\udc00",
    "\0",
    "\n",
    "\x7f",
    " ",
    "🎵",
    "é",
    "\u2028",
    "[{",
]
TIMES = {
    "2023-01-30T19:46:52Z": datetime(2023, 1, 30, 19, 46, 52, tzinfo=UTC),
    "2011-06-01T00:00:00Z": datetime(2011, 6, 1, tzinfo=UTC),
    "2023-01-30T19:46:52.5Z": datetime(2023, 1, 30, 19, 46, 52, 500_000, tzinfo=UTC),
    "2023-01-30T19:46:52+01:00": datetime(2023, 1, 30, 18, 46, 52, tzinfo=UTC),
    "2023-01-30 19:46:52": datetime(2023, 1, 30, 19, 46, 52, tzinfo=UTC),
    "2023-01-30 19:46": datetime(2023, 1, 30, 19, 46, tzinfo=UTC),
    "2023-01-30T19:46Z": datetime(2023, 1, 30, 19, 46, tzinfo=UTC),
}
"""No other generated value is a possible time."""

texts = st.lists(st.sampled_from(NASTY) | st.text("ab ", min_size=1, max_size=4), max_size=6).map("".join)
wrong = st.sampled_from([0, 7, -3, 1.5, True, False, [], ["},{"], {}, {"a": {"b": [None]}}, 10**30, "abc", "}"])
odd = st.sampled_from([..., None, "", "x" * 1_001]) | wrong | texts
texts_or_odd = st.sampled_from(["ios", "Song", "Band"]) | texts | odd
flags = st.booleans() | st.none() | odd
lengths = (
    st.sampled_from([0, 214_000, 86_400_000, "214000"]) | st.sampled_from([-1, 86_400_001, 2**63, 214_000.0]) | odd
)
times = st.sampled_from(sorted(TIMES)) | st.sampled_from(["1999-01-01T00:00:00Z", "2023-02-30T00:00:00Z"]) | odd
start = 1_675_076_400  # 2023-01-30 11:00:00 UTC
device_clock = st.sampled_from([start, start * 1_000, start + 0.5, start + 86_400, start - 40 * 86_400, 50]) | odd
uris = st.sampled_from([f"spotify:track:{ID}", f"spotify:track:{ID[::-1]}", "spotify:track:x", "spotify:local:a:b:c:1"])

extended_rows = st.builds(
    extended,
    ts=times,
    ms_played=lengths,
    spotify_track_uri=uris | odd,
    master_metadata_track_name=texts_or_odd,
    master_metadata_album_artist_name=texts_or_odd,
    master_metadata_album_album_name=texts_or_odd,
    platform=texts_or_odd,
    reason_start=texts_or_odd,
    shuffle=flags,
    skipped=flags,
    offline=flags,
    offline_timestamp=device_clock,
    episode_name=st.none() | odd,
    audiobook_title=st.none() | odd,
    something_new=odd,
)
account_rows = st.builds(
    account,
    endTime=times,
    artistName=texts_or_odd,
    trackName=texts_or_odd,
    msPlayed=lengths,
    episodeName=st.just(...) | odd,
    audiobookName=st.just(...) | odd,
)
no_objects = st.sampled_from([None, 5, "},{", [], [{"ts": 1}], True])


class Found(NamedTuple):
    plays: list[Play]
    rejected: Counter[str]
    cleaned: int
    noted: list[int]
    """The numbers of the rows with a note."""


class NoPlay(Exception):
    """A row is not a play. The argument is the reason."""


def cleaned_text(text: str | None, limit: int) -> str | None:
    """A text after cleaning."""
    kept = re.sub(r"[\ud800-\udfff]", "\ufffd", re.sub(r"[\x00-\x1f\x7f-\x9f]", "", text or ""))
    return kept.strip()[:limit].strip() or None


def names(given: list[Any]) -> list[str | None]:
    if any(name is not None and type(name) is not str for name in given):
        raise NoPlay("malformed")
    return [cleaned_text(name, 1_000) for name in given]


def instant(value: Any) -> datetime:
    if type(value) is not str or value not in TIMES:
        raise NoPlay("bad_timestamp")
    return TIMES[value]


def length(value: Any) -> int:
    if type(value) is str and re.fullmatch("[0-9]{1,12}", value):
        value = int(value)
    if type(value) not in (int, float) or value != value // 1 or not 0 <= value <= 86_400_000:
        raise NoPlay("malformed")
    return int(value)


def extended_content(row: dict[str, Any]) -> tuple[Track, list[Any]]:
    """What a row names, and the names as they are given."""
    uri = row.get("spotify_track_uri")
    given = [row.get(f"master_metadata_{key}") for key in ("track_name", "album_artist_name", "album_album_name")]
    if type(uri) is str and re.fullmatch("spotify:track:[0-9A-Za-z]{22}", uri):
        return Track(uri.removeprefix("spotify:track:"), *names(given)), given  # type: ignore[arg-type]
    if type(uri) is not str or not uri.startswith("spotify:local:"):
        if row.get("audiobook_title"):
            [book] = names([row.get("audiobook_title")])
            return Track(None, None, None, book, Kind.CHAPTER) if book else NOTHING, [row.get("audiobook_title")]
        if row.get("episode_name"):
            [episode] = names([row.get("episode_name")])
            return Track(None, episode, None, None, Kind.EPISODE) if episode else NOTHING, [row.get("episode_name")]
        if uri:
            raise NoPlay("malformed")
    kept = names(given)
    if kept == [None, None, None] and uri:
        kept = ["c", "a", "b"]
    kind = Kind.TRACK if kept[0] and kept[1] else Kind.UNIDENTIFIED
    return Track(None, kept[0], kept[1], kept[2], kind), given


def extended_play(row: dict[str, Any]) -> tuple[Play, bool]:
    track, given = extended_content(row)
    stopped_at = instant(row.get("ts"))
    ms_played = length(row.get("ms_played"))
    texts = [row.get(key) for key in ("platform", "conn_country", "reason_start", "reason_end")]
    kept_texts = [cleaned_text(text, 200) if type(text) is str else None for text in texts]
    flags = [row.get(key) for key in ("shuffle", "skipped", "offline", "incognito_mode")]
    kept_flags = [flag if type(flag) is bool else None for flag in flags]
    is_unchanged = (
        names(given) == [name or None for name in given]
        and kept_texts == [text or None for text in texts]
        and all(kept_flag is flag for kept_flag, flag in zip(kept_flags, flags, strict=True))
    )
    played_at, elapsed_s = stopped_at, UNDATED if kept_flags[2] else None
    clock: Any = row.get("offline_timestamp")
    if type(clock) in (int, float) and 0 < clock < 10**14:
        began = datetime.fromtimestamp(clock // 1_000 if clock >= 10**11 else clock // 1, UTC)
        ended = min(began + timedelta(milliseconds=ms_played), stopped_at) if kept_flags[2] else stopped_at
        if began < stopped_at <= began + timedelta(days=30) and ended >= EARLIEST:
            played_at, elapsed_s = ended, (ended - began) // timedelta(seconds=1)
    context = Context(*kept_texts, *kept_flags)  # type: ignore[arg-type]
    return Play(track, context, stopped_at, played_at, ms_played, elapsed_s), is_unchanged


def account_content(row: dict[str, Any]) -> tuple[Track, list[Any]]:
    given = [row.get("trackName"), row.get("artistName")]
    if not given[0] and row.get("episodeName"):
        [episode] = names([row.get("episodeName")])
        return Track(None, episode, None, None, Kind.EPISODE) if episode else NOTHING, [row.get("episodeName")]
    if not given[0] and row.get("audiobookName"):
        [book] = names([row.get("audiobookName")])
        return Track(None, None, None, book, Kind.CHAPTER) if book else NOTHING, [row.get("audiobookName")]
    name, artist = names(given)
    kind = Kind.TRACK if name and artist else Kind.UNIDENTIFIED
    return Track(None, name, artist, None, kind), given


def account_play(row: dict[str, Any]) -> tuple[Play, bool]:
    track, given = account_content(row)
    minute = instant(row.get("endTime")).replace(second=0, microsecond=0)
    is_unchanged = names(given) == [name or None for name in given]
    return Play(track, None, minute, minute, length(row.get("msPlayed"))), is_unchanged


def expected(text: bytes, play_of: Any) -> Found:
    """What the reader should find, from the whole text at once."""
    found = Found([], Counter(), 0, [])
    noted: Counter[str] = Counter()
    for number, row in enumerate(json.loads(text.decode("utf-8", "surrogateescape")), 1):
        try:
            if not isinstance(row, dict):
                raise NoPlay("malformed")
            play, is_unchanged = play_of(row)
        except NoPlay as no_play:
            kind = str(no_play)
            found.rejected[kind] += 1
        else:
            kind = "" if is_unchanged else "cleaned"
            found.plays.append(play)
            found = found._replace(cleaned=found.cleaned + (not is_unchanged))
        noted[kind] += 1
        if kind in ("malformed", "bad_timestamp", "cleaned") and noted[kind] <= 5:
            found.noted.append(number)
    return found


def read(text: bytes, reader: Any, batch_builder: BatchBuilder, sizes: list[int], chunk_bytes: int) -> Found:
    """What the reader finds when the text arrives in pieces of these sizes, over and over."""
    at = pieces = 0

    def piece(_: int) -> bytes:
        nonlocal at, pieces
        start, at = at, at + sizes[pieces % len(sizes)]
        pieces += 1
        return text[start:at]

    row, decode = 1, msgspec.json.Decoder(list[reader.row_type]).decode
    for chunk in row_chunks(piece, decode, "f", chunk_bytes=chunk_bytes):
        (reader.read if chunk.rows else reader.read_untyped)(chunk.rows or chunk.untyped, MEMBER, row)
        row += len(chunk.rows or chunk.untyped)
    batch = batch_builder.close_batch(0)
    assert batch.rows == row - 1
    noted = [int(note.split()[2].removesuffix(":")) for note in batch.notes]
    return Found(batch.plays, batch.rejected, batch.cleaned, noted)


layouts = st.sampled_from([{"indent": 2}, {"indent": 0}, {}, {"separators": (",", ":")}])
sizes = st.lists(st.integers(1, 40) | st.integers(1, 4_000), min_size=1, max_size=5)


def as_text(rows: list[Any], layout: dict[str, Any], escaped: bool) -> bytes:
    return json.dumps(rows, ensure_ascii=escaped, **layout).encode("utf-8", "surrogatepass")


@settings(max_examples=250, deadline=None)
@given(st.lists(extended_rows | extended_rows | no_objects, max_size=12), layouts, st.booleans(), sizes)
def test_extended_rows_are_read_by_the_rules(
    rows: list[Any], layout: dict[str, Any], escaped: bool, sizes: list[int]
) -> None:
    text = as_text(rows, layout, escaped)
    batch_builder = BatchBuilder()
    assert read(text, ExtendedReader(batch_builder), batch_builder, sizes, 64) == expected(text, extended_play)


@settings(max_examples=150, deadline=None)
@given(st.lists(account_rows | account_rows | no_objects, max_size=12), layouts, st.booleans(), sizes)
def test_account_rows_are_read_by_the_rules(
    rows: list[Any], layout: dict[str, Any], escaped: bool, sizes: list[int]
) -> None:
    text = as_text(rows, layout, escaped)
    batch_builder = BatchBuilder()
    assert read(text, AccountReader(batch_builder), batch_builder, sizes, 64) == expected(text, account_play)


good_rows = st.builds(
    extended,
    master_metadata_track_name=texts,
    platform=texts,
    ts=st.sampled_from(sorted(TIMES)),
    ms_played=st.integers(0, 86_400_000),
    ip_addr=texts,
    something_new=st.lists(texts, max_size=2) | st.dictionaries(texts, texts, max_size=2),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(good_rows, max_size=25), layouts, st.booleans(), sizes)
def test_no_text_in_a_row_is_mistaken_for_the_end_of_a_row(
    rows: list[Any], layout: dict[str, Any], escaped: bool, sizes: list[int]
) -> None:
    text = as_text(rows, layout, escaped)
    batch_builder = BatchBuilder()
    found = read(text, ExtendedReader(batch_builder), batch_builder, sizes, 64)
    assert [play.ms_played for play in found.plays] == [row["ms_played"] for row in rows]
    assert found == expected(text, extended_play)
