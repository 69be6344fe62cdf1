"""Single plays, and the sessions that they make."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from myi_pipelines.serving.api.shapes.fields import Instant, Milliseconds, Shape, said
from myi_pipelines.serving.api.shapes.music import ItemShown


class PlayShown(Shape):
    """One play of a recording."""

    id: int = said("Its number in this warehouse; it stays when an export tells more of the play.", 918_273)
    played_at: datetime = said("When it ended, in UTC.", "2024-05-03T18:41:07Z")
    started_at: datetime = said(
        "When it began at the latest, in UTC: a play that was paused began earlier.", "2024-05-03T18:37:33Z"
    )
    track: ItemShown = said("The recording.")
    ms_played: int = said("How long it was heard, in milliseconds.", 214_000)
    is_skip: bool = said("Whether it was heard for less than 30 seconds.", False)
    is_estimated: bool = said("Whether `ms_played` is only the length of the track, or less.", False)
    source: str = said(
        "IMPORT where an export has the play, else API where a poll showed it, else SUBMISSION.", "IMPORT"
    )
    platform: str | None = said(
        "Device or application, as the export names it; null if none tells.", "iOS 17.4 (iPhone)"
    )
    platform_family: str = said("`ios`, `android`, `web`, …; `unknown` if nothing tells it.", "ios")
    country: str | None = said("Country (ISO 3166-1 alpha-2); null if no export tells it.", "DE")
    reason_start: str | None = said("Why it began, as Spotify says; null if no export tells it.", "trackdone")
    reason_end: str | None = said("Why it ended, as Spotify says; null if no export tells it.", "trackdone")
    shuffle: bool | None = said("Whether shuffle was on; null if no export tells it.", False)
    offline: bool | None = said("Whether the device was offline; null if no export tells it.", False)
    incognito: bool | None = said("Whether it was in a private session; null if no export tells it.", False)


class OtherPlayShown(Shape):
    """One play of something that is not music."""

    id: int = said("Its number in this warehouse.", 4711)
    played_at: datetime = said("When it ended, in UTC.", "2024-05-03T18:41:07Z")
    kind: str = said("EPISODE, CHAPTER, VIDEO or UNIDENTIFIED.", "EPISODE")
    ms_played: int = said("How long it was heard, in milliseconds.", 1_800_000)
    name: str | None = said("Of the episode or chapter; null if nothing tells it.", "In the Rain")
    show: str | None = said("Of the show or book; null if nothing tells it.", "The Long Wave")
    author: str | None = said("Of the book; null if nothing tells it.", None)
    spotify_id: str | None = said("Spotify's id; null if nothing tells it.", "512ojhOuo1ktJprKbVcKyQ")
    show_key: UUID | None = said("Under which the show is found.", "5b0a4a6c-0f53-4a5e-8a6e-2f1f5f0c6b3a")
    platform_family: str = said("`ios`, `android`, `web`, …; `unknown` if nothing tells it.", "ios")
    country: str | None = said("Country (ISO 3166-1 alpha-2); null if no export tells it.", "DE")


class SessionShown(Shape):
    """Plays without a long gap."""

    started_at: Instant
    ended_at: Instant
    play_count: int = said("Plays in it.", 24)
    total_ms: Milliseconds
    first_track_id: int = said("The recording with which it began: its number in this warehouse.", 5310)


class FirstSongShown(Shape):
    """A recording with which days began."""

    track: ItemShown = said("The recording.")
    days: int = said("How many days began with it.", 7)


class SessionsShown(Shape):
    """The sessions of some days."""

    first_day: date = said("The first local day that was read; at most 366 days are, the latest.", "2024-01-01")
    last_day: date = said("The last local day that was read.", "2024-12-31")
    gap_minutes: int = said("Minutes of silence after which another session begins, as the listener set it.", 30)
    number: int = said("Sessions in these days.", 512)
    usual_ms: int = said("Median of the time from beginning to end, in milliseconds.", 2_460_000)
    usual_plays: float = said("Median of their plays.", 11.0)
    longest: list[SessionShown] = said("The longest from beginning to end.", [])
    first_of_day: list[FirstSongShown] = said("With which most days began.", [])
