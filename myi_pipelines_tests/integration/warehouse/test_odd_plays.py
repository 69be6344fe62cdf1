"""What looks odd in the plays of an import is said in its notes: full days, and a second listener."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from myi_pipelines.sources.exports import Context, Play, Track
from myi_pipelines.sources.exports.plays import UNDATED
from myi_pipelines.warehouse import import_jobs
from myi_pipelines_tests.support.warehouse_harness import Warehouse

pytestmark = pytest.mark.slow

START = datetime(2024, 3, 4, 8, tzinfo=UTC)
ONLINE = Context("ios", "DE", "trackdone", "trackdone", False, False, False, False)
OFFLINE = ONLINE._replace(offline=True)
TWO = "these files seem to tell of two accounts"


def play(
    ended_at: datetime, seconds: float, track: str, *, context: Context | None = ONLINE, elapsed_s: int | None = None
) -> Play:
    name = Track(f"{track:0>22}", track, "Band", "Record") if context else Track(None, track, "Band", None)
    return Play(name, context, ended_at, ended_at, int(seconds * 1_000), elapsed_s)


def listener(seed: int, *, days: int, minutes_a_day: float, context: Context | None = ONLINE) -> list[Play]:
    """Plays of somebody who listens once a day, at any time of 16 hours: one after the other, now and then skipped."""
    random, plays = Random(seed), []
    for day in range(days):
        at = START + timedelta(days=day, minutes=random.uniform(0, 16 * 60 - minutes_a_day))
        end = at + timedelta(minutes=minutes_a_day)
        while at < end:
            seconds = random.choice([2, 20, *range(120, 300)])
            at += timedelta(seconds=seconds)
            plays.append(play(at.replace(microsecond=0), seconds, f"{seed}x{random.randrange(300)}", context=context))
    return plays


def notes(warehouse: Warehouse, plays: Sequence[Play], salt: str = "") -> list[str]:
    landed = warehouse.land(warehouse.user("anna", "UTC"), plays, salt=salt)
    assert import_jobs.find_job(warehouse.conn, landed.job_id).notes == landed.notes
    return landed.notes


def warned(warehouse: Warehouse, plays: Sequence[Play]) -> bool:
    return any(TWO in note for note in notes(warehouse, plays))


def shifted(plays: Iterable[Play], seconds: float) -> list[Play]:
    by = timedelta(seconds=seconds)
    return [one._replace(stopped_at=one.stopped_at + by, played_at=one.played_at + by) for one in plays]


def test_a_day_with_more_than_24_hours_of_plays_is_noted(warehouse: Warehouse) -> None:
    full = [play(START + timedelta(hours=hour), 3_900, f"t{hour}") for hour in range(-7, 16)]
    fuller = [play(START + timedelta(days=3, hours=hour), 7_200, f"t{hour}") for hour in range(-7, 16)]
    assert notes(warehouse, full + fuller) == [
        "history.json: more than 24 hours of plays in one day (UTC): 2024-03-07 (45.0 h), 2024-03-04 (24.8 h); "
        "they are of two people, or of devices that were offline"
    ]


def test_a_day_that_is_full_to_the_end_is_not_odd(warehouse: Warehouse) -> None:
    """Also if a long play began on the day before, and if a file repeats all plays."""
    midnight = START.replace(hour=0)
    day = [play(midnight + timedelta(hours=1 + hour), 3_600, f"t{hour}") for hour in range(24)]
    assert notes(warehouse, [play(midnight + timedelta(minutes=30), 20_000, "night"), *day, *day]) == []


def test_undated_offline_plays_do_not_fill_a_day(warehouse: Warehouse) -> None:
    batch = [play(START, 3_000, f"t{number}", context=OFFLINE, elapsed_s=UNDATED) for number in range(90)]
    assert notes(warehouse, batch) == []


def test_two_listeners_at_the_same_time_are_noted_even_if_they_are_few_plays(warehouse: Warehouse) -> None:
    anna, ben = ([play(START + timedelta(hours=hour), 180, f"{name}{hour}") for hour in range(3)] for name in "ab")
    assert notes(warehouse, anna) == []
    assert notes(warehouse, ben) == [
        f"history.json: {TWO}: 3 times in 2024-03 a track was played during another that was imported "
        "before; a user should have the plays of one listener: `myi undo-import JOB` takes an import back, then import "
        "each one's files under a name of their own"
    ]


@pytest.mark.parametrize(("minutes", "days"), [(30, 200), (60, 100), (300, 20)])
def test_two_listeners_by_chance_at_the_same_time_are_noted(warehouse: Warehouse, minutes: float, days: int) -> None:
    assert notes(warehouse, listener(1, days=days, minutes_a_day=minutes)) == []
    assert warned(warehouse, listener(2, days=days, minutes_a_day=minutes))


def test_the_same_listener_s_other_and_newer_files_are_not(warehouse: Warehouse) -> None:
    plays = listener(1, days=100, minutes_a_day=90)
    assert notes(warehouse, plays[: len(plays) // 2]) == []
    assert notes(warehouse, plays) == []
    assert notes(warehouse, plays[::-1], salt="another file") == []


def test_a_file_that_fills_the_gaps_of_one_before_is_not(warehouse: Warehouse) -> None:
    """Exports whose rows are in no order are divided into files at any row."""
    plays = listener(1, days=60, minutes_a_day=200)
    assert not warned(warehouse, plays[::2])
    assert not warned(warehouse, plays[1::2])


def test_plays_that_were_renamed_or_moved_by_seconds_are_not(warehouse: Warehouse) -> None:
    plays = listener(1, days=100, minutes_a_day=120)
    assert not warned(warehouse, plays)
    renamed = [one._replace(track=one.track._replace(name=f"{one.track.name} - Remastered")) for one in plays]
    assert not warned(warehouse, renamed)
    relinked = [one._replace(track=one.track._replace(spotify_id=f"n{one.track.spotify_id}"[:22])) for one in plays]
    assert not warned(warehouse, relinked)
    assert not warned(warehouse, shifted(plays, 7))


def test_account_data_and_offline_plays_do_not_count(warehouse: Warehouse) -> None:
    assert not warned(warehouse, listener(1, days=100, minutes_a_day=120))
    assert not warned(warehouse, listener(2, days=100, minutes_a_day=120, context=None))
    assert not warned(warehouse, listener(3, days=100, minutes_a_day=120, context=OFFLINE))
    undated = [
        play(START + timedelta(days=1), 200, f"t{number}", context=OFFLINE, elapsed_s=UNDATED) for number in range(300)
    ]
    assert not warned(warehouse, undated)


def test_a_few_overlaps_of_seconds_do_not_count(warehouse: Warehouse) -> None:
    plays = listener(1, days=100, minutes_a_day=120)
    longer = [one._replace(ms_played=(one.ms_played or 0) + 12_000) for one in plays]
    assert not warned(warehouse, longer[::2])
    assert not warned(warehouse, longer[1::2])


def test_an_account_that_is_used_in_two_places_at_once_is_not(warehouse: Warehouse) -> None:
    """Its plays overlap within each file as much as between files."""
    together = listener(1, days=120, minutes_a_day=120) + listener(2, days=120, minutes_a_day=120)
    Random(3).shuffle(together)
    assert not warned(warehouse, together[: len(together) // 2])
    assert not warned(warehouse, together[len(together) // 2 :])


def test_another_user_s_plays_do_not_count(warehouse: Warehouse) -> None:
    warehouse.land(warehouse.user("ben", "UTC"), listener(2, days=30, minutes_a_day=300))
    assert notes(warehouse, listener(1, days=30, minutes_a_day=300)) == []
