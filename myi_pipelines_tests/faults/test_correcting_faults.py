"""Corrections that are made while imports run: in the end, what they say is hidden."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from myi_pipelines.operations import verify
from myi_pipelines.warehouse import corrections, invariants, rebuild
from myi_pipelines.warehouse.corrections import Kind, UnknownCorrection
from myi_pipelines.warehouse.undone_imports import CannotBeUndone
from myi_pipelines_tests.support import correcting, exchanging, reference
from myi_pipelines_tests.support.correcting import TIMEZONE, files
from myi_pipelines_tests.support.reference import Correction, Landing, Tables
from myi_pipelines_tests.support.warehouse_harness import Warehouse, open_warehouse, sha256_of

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


def test_corrections_while_imports_run_hide_what_they_say(warehouse: Warehouse, database_url: str) -> None:
    user_id = warehouse.user("anna", TIMEZONE)

    def land(number: int) -> None:
        with open_warehouse(database_url) as mine:
            mine.land(user_id, files(SEED)[number], batch_rows=100)
            for _ in range(3):  # it need not be enough: the others invalidate more meanwhile
                mine.derive(user_id)

    def correct(seed: int) -> None:
        chance = random.Random(seed)
        with open_warehouse(database_url) as mine:
            for _ in range(6):
                with suppress(UnknownCorrection, CannotBeUndone):  # the other took it back; an import is under way
                    correcting.correct(mine, user_id, chance)

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
