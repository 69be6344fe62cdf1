"""What users play, which does not depend on the steps of the clock, and what Spotify shows of it."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myi_pipelines.simulator import ControlRefused, Setup, Simulator
from myi_pipelines.simulator.clock import Clock
from myi_pipelines.simulator.listening import Listening, habit_of
from myi_pipelines.simulator.simulated_users import MOST, SimulatedUser, make_users
from myi_pipelines.simulator.world import build_world
from myi_pipelines_tests.support.simulator_app import link

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORLD = build_world()
ALL_USERS = make_users(7, MOST)


@pytest.fixture(scope="module")
def listening() -> Listening:
    return Listening(7, ALL_USERS, WORLD, None)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 10 * 86_400), max_size=8), user=st.sampled_from(ALL_USERS))
def test_plays_do_not_depend_on_the_steps_of_the_clock(
    listening: Listening, cuts: list[int], user: SimulatedUser
) -> None:
    until = START + timedelta(days=10)
    stops = [START, *sorted(START + timedelta(seconds=cut) for cut in cuts), until]
    habit_of.cache_clear()
    alone = Listening(7, (user,), WORLD, None)
    parts = [play for since, stop in pairwise(stops) for play in alone.plays(user.name, since, stop)]
    assert parts == listening.plays(user.name, START, until)


def test_no_two_plays_of_a_user_overlap(listening: Listening) -> None:
    for user in ALL_USERS:
        plays = listening.plays(user.name, START - timedelta(days=20), START)
        for before, after in pairwise(plays):
            assert before.played_at <= after.played_at - timedelta(milliseconds=after.ms_played)
        assert all(0 < play.ms_played <= play.duration_ms for play in plays)


def test_users_differ_and_have_days_and_nights(listening: Listening) -> None:
    counts = [len(listening.plays(one.name, START - timedelta(days=30), START)) for one in ALL_USERS[:5]]
    assert counts[3] > 4000 > counts[0] > counts[2] > 0
    hours = Counter(play.played_at.hour for play in listening.plays("bela", START - timedelta(days=90), START))
    assert hours[21] > 10 * hours[4]  # 22 and 5 in Budapest


def test_another_seed_is_another_history() -> None:
    since, until = START - timedelta(days=2), START
    one, two = (Listening(seed, ALL_USERS, WORLD, None).plays("ada", since, until) for seed in (7, 8))
    assert one != two


def test_nothing_is_played_before_listening_begins() -> None:
    since = START - timedelta(hours=3)
    with Simulator(Setup(users=5, start=START, listening_since=since)) as simulator:
        control = simulator.control
        assert len(control.shown("dalia")) == sum(play.counts for play in control.plays("dalia", since, START)) < 50
        assert all(play.played_at > since for play in control.plays("dalia", START - timedelta(days=9), START))


def test_the_window_has_the_fifty_latest_plays_that_count_newest_first(simulator: Simulator) -> None:
    control = simulator.control
    counted = [play for play in control.plays("dalia", START - timedelta(days=9), START) if play.counts]
    assert control.shown("dalia") == counted[:-51:-1]
    later = control.shown("dalia", at=START + timedelta(days=1))
    assert later != control.shown("dalia")
    control.advance(timedelta(days=1))
    assert control.shown("dalia") == later


def test_delivered_plays_are_those_in_replies_to_clients(simulator: Simulator) -> None:
    assert simulator.control.delivered("bela") == []
    link(simulator, "bela").recent(limit=3)
    assert simulator.control.delivered("bela") == simulator.control.shown("bela")[2::-1]


def test_an_added_play_shows_in_its_place_once_it_is_visible(simulator: Simulator) -> None:
    control = simulator.control
    third = control.shown("ada")[2]
    assert third.track_id is not None
    late = control.add_play(
        "ada", third.track_id, third.played_at - timedelta(seconds=1), visible_from=START + timedelta(hours=2)
    )
    assert late not in control.shown("ada")
    control.advance(timedelta(hours=2))
    assert late in control.shown("ada")
    assert late in control.plays("ada", START - timedelta(days=9), START)
    skipped = control.add_play("ada", third.track_id, START, ms_played=29_999)
    assert not skipped.counts
    assert skipped not in control.shown("ada")


def test_a_share_of_plays_can_be_shown_late(simulator: Simulator) -> None:
    control = simulator.control
    control.delay_plays(0.5, timedelta(hours=6), user="dalia")
    ada = control.shown("ada", at=START + timedelta(hours=6))
    control.advance(timedelta(hours=6))
    played = [play for play in control.plays("dalia", START, control.now()) if play.counts]
    shown = [play for play in control.shown("dalia") if play.played_at > START]
    assert 0 < len(shown) < len(played) < 50
    assert control.shown("ada") == ada
    assert set(played) <= set(control.shown("dalia", at=START + timedelta(hours=12))) | set(shown)
    control.stop_delays()
    control.advance(timedelta(hours=2))
    assert [play for play in control.shown("dalia") if play.played_at > START + timedelta(hours=6)] == [
        play for play in control.plays("dalia", START + timedelta(hours=6), control.now())[::-1] if play.counts
    ]


def test_the_clock_runs_by_itself_with_a_speed() -> None:
    with Simulator(Setup(users=1, start=START, speed=3600)) as simulator:
        first = simulator.control.now()
        simulator.control.advance(timedelta(days=1))
        assert simulator.control.now() - first > timedelta(days=1)


def test_the_clock_can_be_kept_from_passing_the_real_time() -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    clock = Clock(yesterday, 1e9, never_ahead=True)
    time.sleep(0.001)
    assert yesterday < clock.now() <= datetime.now(UTC)
    clock.advance(timedelta(days=9))
    assert clock.now() <= datetime.now(UTC)


def test_wrong_orders_are_refused_in_one_line(simulator: Simulator) -> None:
    for order in (
        lambda: simulator.control.add_play("ada", "0" * 22, START),
        lambda: simulator.control.plays("unknown", START, START),
        lambda: simulator.control.make_gone("x", status=418),
        lambda: simulator.control.set_time(datetime(2026, 1, 1)),  # noqa: DTZ001
    ):
        with pytest.raises(ControlRefused) as refused:
            order()
        assert "\n" not in str(refused.value)
