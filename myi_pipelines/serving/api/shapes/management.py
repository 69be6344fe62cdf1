"""What a listener manages: imports, gaps, corrections, tokens."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

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
    landed_rows: int = said("Rows that landed: no import had told them before.", 118_003)
    known_rows: int = said("Rows that had landed before, or that the file repeats.", 1_204)
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


class UploadShown(Shape):
    """A file that waits to be imported."""

    name: str = said("The name under which it waits: another one where the name was taken.", "my_spotify_data.zip")
    size: int = said("Its bytes.", 10_485_760)


class HiddenWanted(Shape):
    """What to hide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["song", "track", "artist", "album", "show", "period"] = Field(
        description="Of what plays are hidden; `period` are all of some days.", examples=["artist"]
    )
    name: str = Field(
        "", max_length=300, description="Its name, or its address from Spotify.", examples=["White Noise Machine"]
    )
    artist: str = Field("", max_length=300, description="Where the name means several.", examples=["One"])
    first: date | Literal[""] = Field("", description="Of a period the first local day.", examples=["2024-05-01"])
    last: date | Literal[""] = Field("", description="Of a period the last local day.", examples=["2024-05-03"])


class CorrectedShown(Shape):
    """What a correction did."""

    what: str = said("What it is about.", "White Noise Machine")
    is_new: bool = said("False: it was corrected so already, and nothing was done.", True)
    more_plays: int = said("How many plays count more than before; negative: fewer.", -812)


class TokenShown(Shape):
    """A token, without its text."""

    id: int = said("Its number.", 3)
    name: str = said("What it is for.", "dashboard")
    rights: list[str] = said("What it allows.", ["stats:read"])
    created_at: Instant
    last_used_at: datetime | None = said("When it was last used, to some minutes; null: never.", None)
    expires_at: datetime | None = said("Until when it can be used; null: until it is revoked.", None)


class NewTokenShown(TokenShown):
    """A token just made."""

    text: str = said("What to send. It is not shown again.", "myi_…")


class TokenWanted(Shape):
    """A token to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100, description="What it is for.", examples=["dashboard"])
    rights: list[str] = Field(
        max_length=10,
        description="What it allows: `stats:read`, `history:read`, `listens:write`, `corrections:write`, `embed:read`.",
        examples=[["stats:read"]],
    )
    expires_at: AwareDatetime | None = Field(None, description="Until when; null: without an end.", examples=[None])
