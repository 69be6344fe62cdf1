"""The types of the rows that are read, and the reasons why a row is not a play. Nothing is read here."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

EARLIEST: Final = datetime(2008, 10, 1, tzinfo=UTC)
"""Spotify opened in October 2008, so no play of its exports is older."""

EARLIEST_SUBMITTED: Final = datetime(2002, 10, 1, tzinfo=UTC)
"""Audioscrobbler, which became Last.fm, opened in the autumn of 2002: ListenBrainz takes no older listen either."""

MAX_MS_PLAYED: Final = 86_400_000
"""A day. No play is longer."""

BAD_TIMESTAMP: Final = "bad_timestamp"
FUTURE: Final = "future"
"""Later than tomorrow: the file is wrong, or this machine's clock is slow."""
MALFORMED: Final = "malformed"
PLAYING_NOW: Final = "playing_now"
"""Without a time: what was on while a service's history was read."""
TOO_SHORT: Final = "too_short"
"""Landed, and no listening event."""

NOT_COUNTED: Final = {
    TOO_SHORT: "too short",
    BAD_TIMESTAMP: "with an impossible time",
    FUTURE: "of the future",
    MALFORMED: "malformed",
    PLAYING_NOW: "without a time",
    "podcast": "podcasts",
    "audiobook": "audiobooks",
    "video": "videos without a track",
    "local_file": "local files",
}
"""Why rows make no listening event → after a number of them, in words. The last four are of imports by version 0.1."""


UNDATED: Final = -1
"""`Play.elapsed_s` of an offline play whose device did not say when it began: it is dated by its upload."""


class Kind(StrEnum):
    """What an export row played. The values are those of the database's `content_kind`."""

    TRACK = "TRACK"
    EPISODE = "EPISODE"
    CHAPTER = "CHAPTER"
    VIDEO = "VIDEO"
    UNIDENTIFIED = "UNIDENTIFIED"


class Track(NamedTuple):
    """What an export row names: a track, or another kind of content. Rows of the same content give equal tuples."""

    spotify_id: str | None
    """22 base62 characters: of a track, or of an episode or chapter. None in account data, which has no ids, and for
    local files."""
    name: str | None
    artist: str | None
    """The ALBUM artist in extended histories: `master_metadata_album_artist_name` is all that Spotify gives. The show
    of an episode, the author of a chapter."""
    album: str | None
    """The audiobook of a chapter."""
    kind: Kind = Kind.TRACK


NOTHING: Final = Track(None, None, None, None, Kind.UNIDENTIFIED)
"""What a row played that names nothing."""


class Context(NamedTuple):
    """How a track was played, as an extended history says. None where it does not."""

    platform: str | None
    country: str | None
    reason_start: str | None
    reason_end: str | None
    shuffle: bool | None
    skipped: bool | None
    offline: bool | None
    incognito: bool | None


class Play(NamedTuple):
    """One row that played a track, or another kind of content."""

    track: Track
    context: Context | None
    """None in account data and of submitted plays."""
    stopped_at: datetime
    """The export's `ts` or `endTime`, or the start of a submitted play, aware, in UTC."""
    played_at: datetime
    """The END of the play, aware, in UTC: `stopped_at`, or for offline rows the time of the device's own clock. The
    start of a submitted play whose length is not given."""
    ms_played: int | None
    """None in account data of before December 2018, which gives no length, and where a submission does not say how long
    the play was heard."""
    elapsed_s: int | None = None
    """Whole seconds from the true start (`offline_timestamp`) to `played_at`, which are more than `ms_played` when the
    play was paused. None where no start is given. `UNDATED` for an offline play without one. Of a submitted play, which
    has no context, 0 where no length is given."""


def submitted_play(track: Track, listened_at: datetime, length_s: int | None, ms_played: int | None = None) -> Play:
    """A play that a program, or a file of another service, tells by its start.

    ``length_s``: how long the play lasted, or else its track, in whole seconds; None where that is not given.
    ``ms_played``: how long it was heard; None where only the track's length, or nothing, is given.
    """
    elapsed_s = (length_s or 0) if ms_played is None else ms_played // 1_000
    return Play(track, None, listened_at, listened_at + timedelta(seconds=elapsed_s), ms_played, elapsed_s)


class Batch(NamedTuple):
    """Consecutive rows of an upload."""

    plays: list[Play]
    rows: int
    """All rows of this batch, also those that are not plays: `rows == len(plays) + rejected.total()`."""
    bytes_read: int
    """Unpacked bytes read so far in the whole upload. Compare with `Upload.total_bytes`."""
    rejected: Counter[str]
    """Reason → rows."""
    cleaned: int
    """Rows with a text that needed cleaning."""
    notes: list[str]
    """One line for each of the first few bad rows of each kind, one for the number of the others, and one for what was
    not read."""
