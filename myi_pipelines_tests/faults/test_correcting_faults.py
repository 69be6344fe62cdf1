"""Corrections that are killed half-way, or made while imports run: in the end, what they say is hidden."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from myi_pipelines.operations import verify
from myi_pipelines.warehouse import corrections, invariants, rebuild
from myi_pipelines.warehouse.corrections import Kind, UnknownCorrection
from myi_pipelines.warehouse.undone_imports import CannotBeUndone
from myi_pipelines_tests.support import exchanging, killable_corrections, reference
from myi_pipelines_tests.support.killable_corrections import APPLICATION, TIMEZONE, files, prepare
from myi_pipelines_tests.support.killable_processes import end_victim, start_killable
from myi_pipelines_tests.support.reference import Correction, Landing, Tables
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse, sha256_of

KILLS = int(os.environ.get("MYI_CRASH_VICTIMS", "3")) * 3
SEED = 11


def expected(warehouse: Warehouse, user_id: int) -> Tables:
    """What the reference says of what has landed of the listener and of the corrections that there are."""
    made = corrections.list_corrections(warehouse.conn, user_id)
    undone = {one.what["job_id"] for one in made if one.kind == "UNDO_IMPORT"}
    jobs = warehouse.conn.execute("SELECT id, sha256 FROM import_jobs WHERE user_id = %s", [user_id]).fetchall()
    numbers = {sha256: job_id for job_id, sha256 in jobs}
    told = {numbers[sha256_of(plays)]: plays for plays in files(SEED) if sha256_of(plays) in numbers}
    landing = Landing(
        TIMEZONE,
        [play for job_id, plays in told.items() for play in plays if job_id not in undone],
        undone=[play for job_id, plays in told.items() for play in plays if job_id in undone],
    )
    mine = [Correction(one.kind, one.what) for one in made]
    return reference.derive({"anna": landing}, corrections={"anna": mine})["anna"]


def assert_as_corrected(warehouse: Warehouse, user_id: int) -> None:
    warehouse.settle([user_id])
    assert invariants.check(warehouse.conn, [user_id]) == []
    found, said = warehouse.tables(user_id), expected(warehouse, user_id)
    for table in Tables._fields:
        assert getattr(found, table) == getattr(said, table), table
    assert verify.verify(warehouse.session()).differences == []


@pytest.mark.parametrize("by", ["process", "session"])
def test_a_killed_correction_is_made_or_not_and_what_follows_is_derived_by_the_next_run(
    warehouse: Warehouse, database_url: str, by: str
) -> None:
    user_id = prepare(warehouse, SEED)
    chance = random.Random(SEED)
    for number in range(KILLS):
        with start_killable("killable_corrections", database_url, str(number)) as killable:
            time.sleep(chance.uniform(0.05, 1.5))
            end_victim(killable, warehouse.conn, APPLICATION, by=by)
        assert invariants.check(warehouse.conn, [user_id]) == []
        assert_as_corrected(warehouse, user_id)
    assert corrections.list_corrections(warehouse.conn), "nothing was corrected before it was killed"


def test_a_killed_merge_leaves_two_users_or_one_with_everything(warehouse: Warehouse, database_url: str) -> None:
    chance = random.Random(SEED)
    anna, bob = warehouse.user("anna", TIMEZONE), warehouse.user("bob", "UTC")
    for user_id, shares in ((anna, files(SEED)[:2]), (bob, files(SEED)[1:])):
        for plays in shares:
            warehouse.land(user_id, plays)
    warehouse.settle([anna, bob])
    deaths = 0
    while warehouse.conn.execute("SELECT FROM users WHERE id = %s", [bob]).fetchall():
        with start_killable("killable_corrections", database_url, "0", "merge") as killable:
            time.sleep(chance.uniform(0, 0.15 + 0.05 * deaths))
            end_victim(killable, warehouse.conn, APPLICATION, by=chance.choice(["process", "session"]))
        deaths += 1
        assert invariants.check(warehouse.conn) == []
        assert deaths < 60
    assert_as_corrected(warehouse, anna)


def test_corrections_while_imports_run_hide_what_they_say(warehouse: Warehouse, database_url: str) -> None:
    user_id = warehouse.user("anna", TIMEZONE)

    def land(number: int) -> None:
        with open_warehouse(database_url) as mine:
            mine.land(user_id, files(SEED)[number], batch_rows=100)
            mine.settle([user_id])

    def correct(seed: int) -> None:
        chance = random.Random(seed)
        with open_warehouse(database_url) as mine:
            for _ in range(6):
                with suppress(UnknownCorrection, CannotBeUndone):  # the other took it back; an import is under way
                    killable_corrections.correct(mine, user_id, chance)

    with ThreadPoolExecutor(5) as pool:
        work = [pool.submit(land, number) for number in range(3)] + [pool.submit(correct, seed) for seed in (1, 2)]
        for one in work:
            one.result(timeout=180)
    assert_as_corrected(warehouse, user_id)


def test_a_rebuilt_month_leaves_hidden_plays_out(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in exchanging.always_exchange().items():
        monkeypatch.setattr(rebuild, name, value)
    exchanging.exchanges.clear()
    with exchanging.open_exchanging_warehouse(database_url) as warehouse:
        user_ids = exchanging.prepare(warehouse, 4)
        landed = {name: exchanging.landing(number) for number, name in enumerate(user_ids)}
        what = {"artist": "Artist 3"}
        hidden = {name: [Correction("HIDE_ARTIST", what)] for name in list(user_ids)[:2]}
        for name in hidden:
            corrections.correct(warehouse.conn, user_ids[name], Kind.HIDE_ARTIST, what)
        exchanging.invalidate_all(warehouse)
        warehouse.settle(user_ids.values())
        assert exchanging.exchanges
        said = reference.derive(landed, corrections=hidden)
        for name, user_id in user_ids.items():
            assert warehouse.tables(user_id) == said[name], name
        assert invariants.check(warehouse.conn) == []
