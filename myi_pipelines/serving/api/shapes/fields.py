"""The words of which answers are made: what a field means, in which unit, and an example of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A part of an answer, read from the attributes of what a query returns."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=False)


def said(description: str, *examples: Any) -> Any:
    """What a field means, and examples of it."""
    return Field(description=description, examples=list(examples))


Plays = Annotated[int, said("Plays: one for each time it was heard for long enough to count.", 412)]
Milliseconds = Annotated[int, said("Time listened, in milliseconds.", 86_400_000)]
Rank = Annotated[int, said("Place in the list, from 1. No two share one.", 3)]
Day = Annotated[date, said("A day in the listener's time zone.", "2024-05-03")]
Instant = Annotated[datetime, said("An instant, in UTC.", "2024-05-03T18:41:07Z")]
Name = Annotated[str, said("The name, as the latest source wrote it.", "Sao Paulo Nights")]
SongId = Annotated[int, said("The song's number in this warehouse.", 1204)]
TrackId = Annotated[int, said("The recording's number in this warehouse.", 5310)]
ArtistId = Annotated[int, said("The artist's number in this warehouse.", 77)]
AlbumId = Annotated[int, said("The album's number in this warehouse.", 903)]
SomeDay = Annotated[date | None, said("A day in the listener's time zone; null if there is none.", "2024-05-03")]
SomeInstant = Annotated[datetime | None, said("An instant, in UTC; null if there is none.", "2024-05-03T18:41:07Z")]
SomeName = Annotated[str | None, said("The name; null while it is unknown.", "Ada Quartet")]
SomeMilliseconds = Annotated[int | None, said("In milliseconds; null while it is unknown.", 214_000)]
