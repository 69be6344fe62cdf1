"""The runs that the demo asks Dagster for, as the schedules would. They are written out here because ``jobs`` imports
Dagster, which takes seconds; a test compares the two. Asking is done in ``runs``."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

CALLS = 100
"""For metadata at most, as in a scheduled run."""

_STALE = {"config": {"only_invalidated": True}}


class Launch(NamedTuple):
    """One run to be asked for."""

    job: str
    config: dict[str, Any]
    tags: dict[str, str]


def polls(listeners: Sequence[str], today: date) -> Launch:
    """Ask for these listeners' recent plays."""
    polled = {"config": {"users": list(listeners), "tick": ""}}
    config = {"polled_plays": polled, "listening_events": _STALE, "stats": _STALE}
    return Launch("poll_plays", {"ops": config}, _recent_months(today))


def top_lists(listeners: Sequence[str]) -> Launch:
    """Ask for these listeners' top lists."""
    return Launch("refresh_top_lists", {"ops": {"top_lists": {"config": {"users": list(listeners)}}}}, {})


def metadata(today: date) -> Launch:
    """Ask for metadata that is missing, the most played first."""
    fetched = {"config": {"limit": CALLS}}
    config = {"spotify_objects": fetched, "listening_events": _STALE, "stats": _STALE}
    return Launch("refresh_metadata", {"ops": config}, _recent_months(today))


def _recent_months(today: date) -> dict[str, str]:
    first = (today - timedelta(days=31)).replace(day=1)
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": today.replace(day=1).isoformat(),
    }
