"""What a listener manages: imports, gaps, corrections."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from myi_pipelines.serving.api.shapes.fields import Instant, Shape, said


class ImportShown(Shape):
    """One uploaded file, and what became of it."""

    id: int = said("Its number.", 12)
    file_name: str = said("The file's name.", "my_spotify_data.zip")
    status: str = said("PENDING, PROCESSING, COMPLETED or FAILED.", "COMPLETED")
    total_bytes: int | None = said("Bytes of the file; null while unknown.", 10_485_760)
    processed_bytes: int = said("Bytes read so far.", 10_485_760)
    total_rows: int | None = said("Rows in the file; null until it is completed.", 120_412)
    processed_rows: int = said("Rows read so far.", 120_412)
    added_rows: int = said("Rows that landed.", 118_003)
    duplicate_rows: int = said("Rows that had landed before.", 1_204)
    rejected: dict[str, int] = said("Rows that give no play, by reason.", {"too_short": 1_205})
    error_message: str | None = said("Why it failed; null if it did not.", None)
    notes: list[str] = said("What was left out or looks odd.", ["2 days have more than 24 hours"])
    created_at: Instant
    started_at: datetime | None = said("When reading began, in UTC; null before.", "2024-05-03T18:41:07Z")
    completed_at: datetime | None = said("When it ended, in UTC; null before.", "2024-05-03T18:41:47Z")
    is_undone: bool = said("Whether it was undone.", False)


class GapShown(Shape):
    """A period in which plays may be missing: Spotify shows 50 at a time, and more may have been played."""

    after: datetime = said("End of the latest play that was known before, in UTC.", "2024-05-03T10:00:00Z")
    before: datetime = said("End of the earliest play after it, in UTC.", "2024-05-03T14:12:00Z")
    found_at: datetime = said("When it was noticed, in UTC.", "2024-05-03T14:30:00Z")


class CorrectionShown(Shape):
    """What the listener hid, undid, or said of songs."""

    id: int = said("Its number.", 7)
    kind: str = said(
        "HIDE_TRACK, HIDE_SONG, HIDE_ARTIST, HIDE_ALBUM, HIDE_SHOW, HIDE_PLAY, HIDE_PERIOD, UNDO_IMPORT, JOIN_SONGS or "
        "SPLIT_SONG.",
        "HIDE_ARTIST",
    )
    what: dict[str, JsonValue] = said("What it is about, by kind.", {"artist_id": 77})
    created_at: Instant
    names: str | None = said("Of what it is about; null for a period.", "White Noise Machine")
    play_count: int | None = said("Plays that it hides; null where that is not known.", 812)
