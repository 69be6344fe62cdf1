"""Who asks, and who there is: viewers, listeners, what they set and how fresh their numbers are."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import ConfigDict, Field

from myi_pipelines.serving.api.shapes.fields import Milliseconds, Plays, Shape, SomeDay, SomeInstant, said


class ViewerShown(Shape):
    """Who asks, as far as we know."""

    kind: str = said("operator, listener (signed in), token or stranger.", "token")
    listener: str | None = said("The name of the listener who asks, or whose token it is; null otherwise.", "ada")
    rights: list[str] = said("What the token allows; empty without a token.", ["stats:read"])


class ListenerShown(Shape):
    """A listener in the list of all."""

    name: str = said("The name, as addresses spell it.", "ada")
    display_name: str | None = said("The name to show; null: the other one.", "Ada Lovelace")
    play_count: Plays
    total_ms: Milliseconds
    last_day: SomeDay


class Profile(Shape):
    """What whoever asks may see of a listener."""

    name: str = said("The name, as addresses spell it.", "ada")
    display_name: str | None = said("The name to show; null: the other one.", "Ada Lovelace")
    first_day: SomeDay
    last_day: SomeDay
    shown: list[str] = said(
        "The parts that whoever asks may see: PROFILE, TOP_TRACKS, TOP_ARTISTS, LISTENING_TIME, STATS, HISTORY, …",
        ["PROFILE", "TOP_ARTISTS"],
    )


class FreshnessShown(Shape):
    """Until when plays are counted, and how many months are not yet."""

    as_of: SomeInstant
    asked_at: datetime = said("When this was looked up, in UTC.", "2024-05-03T18:41:07Z")
    landed_at: datetime | None = said(
        "When plays last landed, by an import or a poll, in UTC; null before the first.", "2024-05-03T18:41:07Z"
    )
    polled_at: datetime | None = said(
        "When Spotify last answered a poll, in UTC; null without a linked account.", "2024-05-03T18:40:00Z"
    )
    user_months: int = said("UTC months whose numbers are being derived; 0: everything that landed is counted.", 0)
    without_events: int = said("Those of them whose plays are not all in the history yet.", 0)
    first_month: date | None = said("The first day of the earliest of them; null without any.", "2024-03-01")
    last_month: date | None = said("The first day of the latest of them; null without any.", "2024-05-01")
    since: datetime | None = said("Since when the oldest of them waits, in UTC; null without any.", None)


class SettingsShown(Shape):
    """What a listener set."""

    timezone: str = said("The IANA name of the time zone in which days, weeks and hours are counted.", "Europe/Berlin")
    week_starts_on: int = said("The day on which weeks begin: 0 is Monday, 6 is Sunday.", 0)
    session_gap_minutes: int = said("Minutes of silence after which another session begins.", 30)
    is_public_profile: bool = said(
        "Whether others see that the listener exists, and what the flags below allow.", False
    )
    share_listening_time: bool = said("Whether others see totals.", False)
    share_top_tracks: bool = said("Whether others see lists of songs, recordings and albums.", False)
    share_top_artists: bool = said("Whether others see lists of artists and genres.", False)
    share_history: bool = said("Whether others see single plays and when they were.", False)
    allows_comparison: bool = said("Whether listeners who allow it too may be compared with this one.", False)
    hide_incognito: bool = said("Whether plays of private sessions do not count.", False)


class SettingsChange(Shape):
    """What to set; what is left out or null stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: str | None = Field(
        None,
        max_length=100,
        description="The IANA name of a time zone: every month is derived again.",
        examples=["Europe/Berlin"],
    )
    week_starts_on: int | None = Field(None, ge=0, le=6, description="0 is Monday, 6 is Sunday.", examples=[0])
    session_gap_minutes: int | None = Field(
        None, ge=1, le=1440, description="Minutes of silence after which another session begins.", examples=[30]
    )
    is_public_profile: bool | None = Field(None, description="Whether others see anything at all.", examples=[True])
    share_listening_time: bool | None = Field(None, description="Whether others see totals.", examples=[True])
    share_top_tracks: bool | None = Field(
        None, description="Whether others see lists of songs, recordings and albums.", examples=[True]
    )
    share_top_artists: bool | None = Field(
        None, description="Whether others see lists of artists and genres.", examples=[True]
    )
    share_history: bool | None = Field(None, description="Whether others see single plays.", examples=[False])
    allows_comparison: bool | None = Field(None, description="Whether listeners may be compared.", examples=[False])
    hide_incognito: bool | None = Field(
        None,
        description="Whether plays of private sessions do not count: their months are derived again.",
        examples=[False],
    )


class TimeZone(Shape):
    """A time zone that can be set."""

    name: str = said("Its IANA name.", "Europe/Berlin")
    utc_offset_minutes: int = said("Minutes by which its clocks are ahead of UTC now.", 120)
