"""What the operations find: a household of three whose exports are the sample's, in the states in which users would run
a command. Everything is made once, as a database and a folder, and copied for each kill. No expectations here."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.sources.exports import Limits, Play
from myi_pipelines.warehouse import archive
from myi_pipelines_tests.support.export_rows import read
from myi_pipelines_tests.support.reference import Landing, Polled
from myi_pipelines_tests.support.warehouse_harness import Warehouse

FIRST, LAST = date(2023, 7, 1), date(2024, 6, 30)
MONTHS = [FIRST, LAST.replace(day=1)]
"""The range of the months with plays."""
HELD = [date(2024, month, 1) for month in range(1, 7)]
"""Months that stay in the tables where others are archived."""
ARCHIVED = [date(2023, month, 1) for month in range(7, 13)]
PLAYS = 300


class Listener(NamedTuple):
    """One of the household."""

    name: str
    timezone: str
    files: tuple[Path, ...]
    polled: tuple[Polled, ...]


class Household:
    """The listeners, and all plays that their files tell."""

    def __init__(self, folder: Path) -> None:
        """Write the exports into a folder for each listener."""
        self.listeners = {
            one.name: Listener(one.name, one.timezone, one.files, ())
            for one in write_sample(folder, users=3, years=1, plays=PLAYS, end=LAST)
        }
        chance = random.Random(3)
        for name, one in self.listeners.items():
            music = [play for play in self.plays(name) if play.track.spotify_id and play.played_at.year == LAST.year]
            polled = [polled_row(play, chance) for play in chance.sample(music, min(len(music), 6))]
            self.listeners[name] = one._replace(polled=tuple(polled))

    @cached_property
    def _plays(self) -> Mapping[Path, Sequence[Play]]:
        return {path: read(path).plays for one in self.listeners.values() for path in one.files}

    def plays(self, name: str, files: slice = slice(None)) -> list[Play]:
        """The plays that some of a listener's files tell; of all when not given."""
        return [play for path in self.listeners[name].files[files] for play in self._plays[path]]

    def landing(self, name: str) -> Landing:
        """Everything of a listener."""
        one = self.listeners[name]
        return Landing(one.timezone, self.plays(name), one.polled)

    @property
    def landings(self) -> dict[str, Landing]:
        return {name: self.landing(name) for name in self.listeners}

    def settle(self, warehouse: Warehouse, *, without_files_of: str) -> None:
        """All listeners with their polls, and the files of all but one, derived."""
        users = {one.name: warehouse.user(one.name, one.timezone) for one in self.listeners.values()}
        for name, user_id in users.items():
            if name != without_files_of:
                self.land(warehouse, name)
            warehouse.poll(user_id, self.listeners[name].polled)
        warehouse.settle(users.values())

    def land(self, warehouse: Warehouse, name: str) -> None:
        """Land a listener's files and derive nothing."""
        one = self.listeners[name]
        user_id = warehouse.user(name, one.timezone)
        for path in one.files:
            land_file(warehouse.session(), WaitingFile(path, user_id, Limits()))


def polled_row(play: Play, chance: random.Random) -> Polled:
    return Polled(
        str(play.track.spotify_id), play.played_at + timedelta(milliseconds=chance.randint(-4_000, 4_000)), 200_000
    )


def make_wrong(warehouse: Warehouse) -> None:
    """Some events are missing and others are wrong, and the statistics agree with them."""
    warehouse.conn.execute("DELETE FROM listening_events WHERE id % 3 = 0")
    warehouse.conn.execute("UPDATE listening_events SET ms_played = ms_played + 1 WHERE id % 3 = 1")
    for (user_id,) in warehouse.conn.execute("SELECT id FROM users").fetchall():
        warehouse.refresh(user_id, [one.month for one in warehouse.user_months_of(user_id)])


def damage(warehouse: Warehouse) -> None:
    """What a person with too many rights, or a bad disk, may do to derived tables: events beside archived months are
    gone, statistics of archived and present months are wrong, names mean no track, songs are not what keys say, names,
    dates and credits are wrong. Tracks without an id stay as they are: the harness knows them by their names."""
    for line in (
        "DELETE FROM listening_events WHERE id IN (SELECT id FROM listening_events ORDER BY played_at LIMIT 22)",
        "UPDATE listening_events SET ms_played = ms_played + 7 WHERE id % 11 = 3",
        "DELETE FROM user_track_months WHERE month = '2023-09-01'",
        "UPDATE user_month_contexts SET skip_count = skip_count + 1 WHERE month = '2023-10-01'",
        "UPDATE user_time_bucket_stats SET play_count = play_count + 1 WHERE bucket_date < '2023-09-01'",
        "UPDATE user_album_stats SET total_ms = total_ms + 5 WHERE album_id % 3 = 1",
        "DELETE FROM user_weekday_hour_stats WHERE hour = 20",
        "UPDATE users SET total_play_count = total_play_count + 100",
        "DELETE FROM export_track_links WHERE export_track_id % 5 = 1",
        "UPDATE tracks SET song_id = (SELECT min(id) FROM songs) WHERE id % 9 = 2",
        "DELETE FROM episode_events WHERE played_at >= '2024-03-01'",
        "UPDATE tracks SET name = 'another' WHERE id % 7 = 1 AND spotify_id IS NOT NULL",
        "UPDATE albums SET release_date = '1999' WHERE id % 5 = 2",
        "DELETE FROM track_artists AS c USING tracks AS t"
        " WHERE t.id = c.track_id AND t.id % 13 = 4 AND t.spotify_id IS NOT NULL",
    ):
        warehouse.conn.execute(line.encode())


def hold(warehouse: Warehouse) -> None:
    archive.hold_months(warehouse.conn, HELD, datetime(2100, 1, 1, tzinfo=UTC))
