"""The demo's sample history: seeded, made-up users whose exports look like Spotify's.

Writes files and does not know the warehouse. The same arguments give the same bytes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from myi_pipelines.simulator.sample.export_writer import PACKINGS, Export
from myi_pipelines.simulator.sample.made_up_music import make_catalog
from myi_pipelines.simulator.sample.made_up_plays import PROFILES, Heard, listen
from myi_pipelines.simulator.sample.made_up_polls import ShownPlay, show

__all__ = ["SampleUser", "write_sample"]

POLLED_DAYS = 45


class SampleUser(NamedTuple):
    name: str
    timezone: str
    exports: tuple[Export, ...]
    polled: tuple[ShownPlay, ...]
    """What a warehouse would have polled in the last weeks. All of these plays are in an export too."""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(export.path for export in self.exports)

    @property
    def plays(self) -> tuple[Heard, ...]:
        """Every real play that an export tells, once."""
        return tuple(dict.fromkeys(play for export in self.exports for play in export.plays))


def write_sample(
    folder: Path, *, seed: int = 7, users: int = 3, years: int = 6, plays: int = 60_000, end: date
) -> list[SampleUser]:
    """Write each user's exports into `folder/<name>/`, in all about `plays` plays over `years` years up to `end`.

    `end` is the last day with plays. Raises ValueError for numbers out of range.

    >>> from tempfile import mkdtemp
    >>> [one.name for one in write_sample(Path(mkdtemp()), years=1, plays=300, end=date(2025, 10, 31))]
    ['ada', 'bela', 'chandra']
    """
    if not 1 <= users <= len(PROFILES) or not 1 <= years <= 15 or plays < 100 * users:
        raise ValueError(f"1 to {len(PROFILES)} users, 1 to 15 years and 100 plays a user or more")
    start = end - timedelta(days=round(365.25 * years) - 1)
    polled_from = int(datetime.combine(end, time(), UTC).timestamp()) - POLLED_DAYS * 86_400
    catalog = make_catalog(Random(f"{seed} music"), start, end)
    chosen = PROFILES[:users]
    shares = sum(profile.share for profile in chosen)
    written = []
    for profile in chosen:
        rng = Random(f"{seed} {profile.name}")
        heard = listen(rng, profile, catalog, start, end, round(plays * profile.share / shares))
        (folder / profile.name).mkdir(parents=True, exist_ok=True)
        exports = PACKINGS[profile.packing](folder / profile.name, profile, heard, end)
        polled = tuple(show(Random(f"{seed} {profile.name} polls"), catalog, heard, polled_from))
        written.append(SampleUser(profile.name, profile.timezone, tuple(exports), polled))
    return written
