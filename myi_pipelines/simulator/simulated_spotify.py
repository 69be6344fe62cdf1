"""The whole simulated Spotify in one object: its music, users, clock, tokens, faults and log. Only their common state
belongs here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal

from myi_pipelines.simulator.authorizations import Accounts
from myi_pipelines.simulator.availability import Availability
from myi_pipelines.simulator.clock import Clock
from myi_pipelines.simulator.faults import Faults
from myi_pipelines.simulator.listening import Listening, Play
from myi_pipelines.simulator.request_log import RequestLog
from myi_pipelines.simulator.simulated_users import SimulatedUser, make_users
from myi_pipelines.simulator.world import HISTORY_SEED, HISTORY_YEARS, build_world


class Mode(StrEnum):
    """What Spotify grants the app. Apps of people who host MYI themselves are in Development Mode."""

    DEVELOPMENT = "development"
    EXTENDED = "extended"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How to make a simulated Spotify.

    ``start`` is the clock's first time (default: now), ``speed`` its rate; with ``never_ahead`` it runs at real speed
    once it reaches the real time. Recently-played shows nothing from before ``listening_since``. The
    ``history_*`` settings name the sample history whose tracks the catalog has, with the same ids. ``token_clock`` is
    the clock by which access tokens expire; by default the real one if the simulated one runs by itself.
    """

    seed: int = 7
    users: int = 3
    mode: Mode = Mode.DEVELOPMENT
    speed: float = 0.0
    never_ahead: bool = False
    start: datetime | None = None
    listening_since: datetime | None = None
    history_seed: int = HISTORY_SEED
    history_end: date = date(2025, 12, 31)
    history_years: int = HISTORY_YEARS
    token_lifetime: int = 3600
    token_clock: Literal["simulated", "real"] | None = None
    client_id: str | None = None
    client_secret: str | None = None


class Spotify:
    def __init__(self, setup: Setup) -> None:
        self.mode = setup.mode
        self.clock = Clock(
            setup.start or datetime.now(UTC).replace(microsecond=0), setup.speed, never_ahead=setup.never_ahead
        )
        self.world = build_world(setup.history_seed, setup.history_end, setup.history_years)
        self.users = make_users(setup.seed, setup.users)
        self.listening = Listening(setup.seed, self.users, self.world, setup.listening_since)
        self.availability = Availability(self.world)
        by_real_time = setup.token_clock == "real" or (setup.token_clock is None and setup.speed > 0)
        self.accounts = Accounts(
            self.clock, setup.client_id, setup.client_secret, setup.token_lifetime, tokens_by_real_time=by_real_time
        )
        self.faults = Faults(self.clock, setup.seed)
        self.log = RequestLog()
        self.delivered: dict[str, dict[tuple[str | None, datetime], Play]] = {one.name: {} for one in self.users}
        """By user: the plays that replies of recently-played have contained."""

    def record_delivery(self, user: str, plays: list[Play]) -> None:
        self.delivered[user].update(((play.track_id, play.played_at), play) for play in plays)

    def user(self, name: str) -> SimulatedUser | None:
        return next((user for user in self.users if user.name == name), None)
