"""What the values of ways of listening are called, and time zones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

from myi_pipelines.serving.web.formats import Formats
from myi_pipelines.zones import zone_names

WORDS = {
    "PLATFORM": {
        "android": "Android",
        "ios": "iPhone, iPad",
        "macos": "Mac",
        "windows": "Windows",
        "linux": "Linux",
        "web": "Web player",
        "tv": "TV",
        "speaker": "Speaker, Cast",
        "car": "Car",
        "console": "Game console",
        "watch": "Watch",
        "other": "Other",
    },
    "SHUFFLE": {"true": "shuffled", "false": "in order"},
    "SKIP": {"true": "under 30 seconds", "false": "heard"},
    "OFFLINE": {"true": "offline", "false": "online"},
    "INCOGNITO": {"true": "private", "false": "not private"},
    "REASON_START": {
        "trackdone": "the one before ended",
        "fwdbtn": "skipped to it",
        "backbtn": "went back to it",
        "clickrow": "chosen from a list",
        "playbtn": "play was pressed",
        "appload": "the app started",
        "remote": "from another device",
        "trackerror": "another failed",
        "switched-to-video": "from its video",
        "switched-to-audio": "from its video",
    },
    "REASON_END": {
        "trackdone": "played to the end",
        "fwdbtn": "skipped",
        "backbtn": "went back",
        "clickrow": "another was chosen",
        "endplay": "something else was chosen",
        "logout": "signed out",
        "remote": "from another device",
        "unexpected-exit": "the app closed",
        "unexpected-exit-while-paused": "the app closed while paused",
        "trackerror": "it failed",
    },
}


def listed(words: Sequence[str]) -> str:
    """Some words in a row.

    >>> listed(["artist"]), listed(["artist", "skips"]), listed(["artist", "genre", "skips"])
    ('artist', 'artist and skips', 'artist, genre and skips')
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def value_name(formats: Formats, dimension: str, value: str) -> str:
    """What a value of a dimension is called; its own text if it is new."""
    if dimension == "COUNTRY":
        return str(formats.locale.territories.get(value.upper(), value))
    return WORDS.get(dimension, {}).get(value, value.replace("_", " "))


def isolated(text: str) -> str:
    """A text in its own direction, that of its first letter with one; what stands around it keeps its own.

    >>> isolated("abc"), isolated("שיר…")
    ('abc', '\u2067שיר…\u2069')
    """
    directions = (unicodedata.bidirectional(sign) for sign in text)
    first = next((direction for direction in directions if direction in ("L", "R", "AL")), "L")
    return text if first == "L" else f"\u2067{text}\u2069"


@cache
def time_zones() -> list[str]:
    """The zones of places, by name."""
    return sorted(zone for zone in zone_names() if "/" in zone and not zone.startswith("Etc/"))
