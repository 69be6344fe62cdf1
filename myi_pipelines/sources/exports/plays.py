"""The types that a history is read into, and the reasons for which a row is not a play. No reading happens here."""

from collections import Counter
from datetime import UTC, datetime
from typing import Final, NamedTuple

EARLIEST: Final = datetime(2008, 10, 1, tzinfo=UTC)
"""Spotify opened in October 2008: nothing was played before."""

MAX_MS_PLAYED: Final = 86_400_000
"""A day. No row plays longer."""

PODCAST: Final = "podcast"
AUDIOBOOK: Final = "audiobook"
VIDEO: Final = "video"
LOCAL_FILE: Final = "local_file"
UNIDENTIFIED: Final = "unidentified"
BAD_TIMESTAMP: Final = "bad_timestamp"
FUTURE: Final = "future"
"""Later than tomorrow: by a clock that is behind, if not by the file's fault."""
MALFORMED: Final = "malformed"


class Track(NamedTuple):
    """What an export row names. Equal rows are equal tuples."""

    spotify_id: str | None
    """22 base62 characters; None in account data, which has no ids."""
    name: str | None
    artist: str | None
    """The ALBUM artist in extended histories: `master_metadata_album_artist_name` is all that Spotify gives."""
    album: str | None


class Context(NamedTuple):
    """How a track was played. All None in account data."""

    platform: str | None
    country: str | None
    reason_start: str | None
    reason_end: str | None
    shuffle: bool | None
    skipped: bool | None
    offline: bool | None
    incognito: bool | None


class Play(NamedTuple):
    """One row that played a track."""

    track: Track
    context: Context
    stopped_at: datetime
    """The export's `ts` or `endTime`, aware, in UTC."""
    played_at: datetime
    """The END of the play, aware, in UTC: `stopped_at`, but for offline rows what the device's own clock said."""
    ms_played: int


class Batch(NamedTuple):
    """Some consecutive rows of an upload."""

    plays: list[Play]
    rows: int
    """Rows read in this batch, those that are not plays included: `rows == len(plays) + rejected.total()`."""
    bytes_read: int
    """Unpacked bytes consumed so far in the whole upload, to set against `Upload.total_bytes`."""
    rejected: Counter[str]
    """Reason → rows."""
    cleaned: int
    """Rows with a text that had to be cleaned."""
    notes: list[str]
    """A line for each of the first few bad rows of each kind, and for what was left unread."""
