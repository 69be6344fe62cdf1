"""The users of the simulated Spotify: names, ids, time zones, habits. `listening` decides what they play, and when."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from myi_pipelines.simulator.sample.made_up_music import BASE62, STYLES

_DIGITS_AND_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Habits(NamedTuple):
    """How a user listens. ``hours`` are relative weights of the local hours at which listening begins."""

    plays_a_day: float
    patience: float  # share of songs that are heard to the end
    days_off: float  # share of days without music
    hours: tuple[int, ...]
    styles: tuple[tuple[str, float], ...]  # how much the user likes each style


class SimulatedUser(NamedTuple):
    name: str
    display_name: str | None
    timezone: str
    habits: Habits
    spotify_id: str
    account_id: str
    country: str


# fmt: off
_EARLY  = (0, 0, 0, 0, 0, 1, 4, 9, 7, 4, 3, 3, 4, 3, 2, 2, 4, 7, 6, 4, 3, 2, 1, 0)
_OFFICE = (1, 0, 0, 0, 0, 0, 1, 3, 6, 8, 7, 5, 3, 6, 7, 6, 5, 4, 3, 4, 6, 7, 5, 2)
_NIGHT  = (8, 6, 4, 2, 0, 0, 0, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 10)
_EVEN   = (1, 0, 0, 0, 1, 2, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 3, 2)

_KNOWN = (
    ("ada", "Ada of the Shore", "America/St_Johns", "CA",
     Habits(45, 0.85, 0.05, _OFFICE, (("folk", 3), ("indie", 4), ("electronic", 7), ("latin", 3), ("jazz", 2)))),
    ("bela", "Béla", "Europe/Budapest", "HU",
     Habits(25, 0.9, 0.15, _NIGHT, (("jazz", 8), ("hungarian", 5), ("classical", 5), ("metal", 2)))),
    ("chandra", None, "Asia/Kathmandu", "NP",
     Habits(15, 0.8, 0.2, _EARLY, (("nepali", 5), ("jpop", 8), ("hiphop", 3), ("indie", 2)))),
    ("dalia", "dalia ☀", "Pacific/Apia", "WS",
     Habits(220, 0.2, 0.0, _EVEN, (("latin", 4), ("electronic", 4), ("hiphop", 4)))),
    ("emeka", "Emeka O.", "Africa/Lagos", "NG",
     Habits(6, 0.9, 0.7, _NIGHT, (("hiphop", 6), ("electronic", 5), ("jazz", 3)))),
)
_MORE = (
    "farah", "gergo", "hana", "ivo", "joana", "kenji", "liv", "milan", "noor", "orla", "prakash", "rosa", "sunniva",
    "tomasz", "una", "viktor", "wren", "ximena", "yara",
)
_ZONES = (
    ("Europe/Lisbon", "PT"), ("America/New_York", "US"), ("Asia/Tokyo", "JP"), ("Australia/Adelaide", "AU"),
    ("UTC", "IE"),
)
# fmt: on
MOST = len(_KNOWN) + len(_MORE)


def make_users(seed: int, count: int) -> tuple[SimulatedUser, ...]:
    """The first ``count`` users. Each of them is the same for every count."""
    if not 1 <= count <= MOST:
        raise ValueError(f"1 to {MOST} users, not {count}")
    return tuple(_user(seed, number) for number in range(count))


def _user(seed: int, number: int) -> SimulatedUser:
    rng = Random(f"{seed} listener {number}")
    spotify_id = "31" + "".join(rng.choices(_DIGITS_AND_LETTERS, k=26))
    account_id = "".join(rng.choices(BASE62, k=22))
    if number < len(_KNOWN):
        name, display_name, zone, country, habits = _KNOWN[number]
        return SimulatedUser(name, display_name, zone, habits, spotify_id, account_id, country)
    name, (zone, country) = _MORE[number - len(_KNOWN)], rng.choice(_ZONES)
    styles = tuple((style, rng.uniform(1, 8)) for style in rng.sample(sorted(STYLES), 3))
    hours = rng.choice((_EARLY, _OFFICE, _NIGHT, _EVEN))
    habits = Habits(rng.uniform(8, 70), rng.uniform(0.5, 0.95), rng.uniform(0, 0.3), hours, styles)
    return SimulatedUser(name, name.title(), zone, habits, spotify_id, account_id, country)
