"""A warehouse of the sample's three listeners, each in a time zone that is easily got wrong. No expectations here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.simulator.sample import write_sample
from myi_pipelines.sources.exports import Limits
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

ZONES = {"ada": "Asia/Kathmandu", "bela": "America/St_Johns", "chandra": "Australia/Lord_Howe"}
LAST_DAY = date(2025, 10, 31)


def fill(url: str, folder: Path, *, plays: int, years: int, zones: Mapping[str, str] = ZONES) -> None:
    """Import the sample's exports, which are written into a folder, into an empty warehouse, with genres.

    ``zones``: the time zones of those who are not in the sample's.
    """
    with open_warehouse(url) as warehouse:
        for user in write_sample(folder, users=len(ZONES), years=years, plays=plays, end=LAST_DAY):
            user_id = warehouse.user(user.name, zones.get(user.name, user.timezone))
            for path in user.files:
                land_file(warehouse.session(), WaitingFile(path, user_id, Limits()))
            warehouse.settle([user_id])
        warehouse.conn.execute(
            "UPDATE artists SET genres = ARRAY['genre ' || id % 7, 'genre ' || id % 5] WHERE id % 3 > 0"
        )
        warehouse.conn.execute("UPDATE user_settings SET week_starts_on = 6 WHERE timezone = 'America/St_Johns'")
