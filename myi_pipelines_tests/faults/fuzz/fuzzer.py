"""Imports damaged files as `myi import` does and judges each: its rows are landed, or one clear line says why not."""

from __future__ import annotations

import faulthandler
import json
import logging
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from myi_pipelines.ingest.uploads.file_run import FileRun
from myi_pipelines.operations import verify
from myi_pipelines.simulator.sample import SampleUser, write_sample
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse import invariants
from myi_pipelines_tests.faults.fuzz.damages import Input, damaged
from myi_pipelines_tests.faults.fuzz.other_services import FORMS, seconds_told, some_rows
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.export_rows import read, rows_in
from myi_pipelines_tests.support.reference import Landing, Tables
from myi_pipelines_tests.support.warehouse_harness import Warehouse

SECONDS_AT_MOST = 10
LONGEST_LINE = 600
OF_OTHER_SERVICES = 0.4
"""The share of inputs that are exports of other services than Spotify."""
INPUTS_A_USER = 200
"""What is looked at after each input is what its user has: less than everything."""
LAST = date(2024, 6, 30)
LIMITS = Limits()
LOG = logging.getLogger("myi fuzz")
LOG.setLevel(logging.DEBUG)
LOG.propagate = False  # a raw name that a test's report showed would stop the report
UNDAMAGED_SEED = 7
"""The damaged files are of another seed, and name everything differently: they change nothing of these."""
NAMES = ("master_metadata_track_name", "master_metadata_album_artist_name", "master_metadata_album_album_name",
         "trackName", "artistName")  # fmt: skip


FOLDER_NAMES = ("my_spotify_data", "a\x1b[2Jb", "a\nb", "\x9b2J", "\u202edata", "b\udcffd", "x" * 200)
"""Of folders in which some inputs lie, beside a file of such a name that holds no history."""
IN_FOLDERS = 0.3


class Fault(NamedTuple):
    """An input that did not end as it must."""

    number: int
    what: str
    kinds: tuple[str, ...]


class Fuzzed(NamedTuple):
    """What came of all inputs."""

    landed: int
    refused: int
    rows: int
    """That landed."""
    kinds: Mapping[str, int]
    """How many inputs had each kind of damage."""
    slowest: float
    """Seconds of the input that took longest."""
    faults: list[Fault]


class Fuzzer:
    """Imports inputs that a seed decides into one warehouse."""

    def __init__(self, warehouse: Warehouse, folder: Path, seed: int) -> None:
        self._warehouse, self._folder, self._seed = warehouse, folder, seed
        self._user_ids: list[int] = []
        sample = write_sample(folder / "sample", seed=seed + 100, users=3, years=1, plays=400, end=LAST)
        self._members = [renamed(rows) for one in sample for path in one.files for rows in rows_in(path)]
        self._landed_rows = 0  # of the latest user
        self._rows = 0
        self._logged = Logged()

    def input(self, number: int) -> Input:
        """One of the inputs. It depends on the seed and its number alone."""
        chance = random.Random(f"{self._seed} {number}")
        if chance.random() < OF_OTHER_SERVICES:
            form = chance.choice(FORMS)
            return damaged(chance, some_rows(chance, form), form.write)
        rows = chance.choice(self._members)
        begin = chance.randrange(len(rows))
        return damaged(chance, rows[begin : begin + chance.choice((1, 5, 20))])

    def run(self, numbers: Sequence[int]) -> Fuzzed:
        """Import some inputs, then derive what landed of them, and an undamaged history."""
        outcomes, kinds, faults, slowest = Counter[str](), Counter[str](), [], 0.0
        for logger in (LOG, logging.getLogger()):
            logger.addHandler(self._logged)
        for place, number in enumerate(numbers):
            if place % INPUTS_A_USER == 0:
                self._user_ids.append(self._warehouse.user(f"damaged {place}", "UTC"))
                self._landed_rows = 0
            one = self.input(number)
            kinds.update(one.kinds)
            began = datetime.now(UTC)
            outcome, found = self._import(one, number)
            slowest = max(slowest, (datetime.now(UTC) - began).total_seconds())
            outcomes[outcome] += 1
            faults += [Fault(number, what, one.kinds) for what in found]
        faults += [Fault(-1, what, ()) for what in self._afterwards()]
        for logger in (LOG, logging.getLogger()):
            logger.removeHandler(self._logged)
        return Fuzzed(outcomes["landed"], outcomes["refused"], self._rows, kinds, slowest, faults)

    def _import(self, one: Input, number: int) -> tuple[str, list[str]]:
        """Whether an input is landed or refused, and what is wrong with that. Its number says where it lies."""
        inputs = self._folder / "inputs"
        path = self._put(one, inputs, random.Random(f"{self._seed} {number} in a folder"))
        session = replace(self._warehouse.session(), on_note=LOG.warning)
        run = FileRun(session, self._user_ids[-1], uploads=self._folder / "uploads", limits=LIMITS, log=LOG)
        self._logged.lines.clear()
        faulthandler.dump_traceback_later(SECONDS_AT_MOST, exit=True)
        try:
            run.land(path, _progress)
        except Exception:
            return "broken", [traceback.format_exc(limit=-6)]
        finally:
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(inputs)
        return ("landed" if run.landed else "refused"), [*self._faults_of(run), *self._odd_plays(run, one)]

    def _put(self, one: Input, inputs: Path, chance: random.Random) -> Path:
        """Where an input lies, itself or with its folder."""
        is_alone = chance.random() >= IN_FOLDERS
        folder = inputs if is_alone else inputs / chance.choice(FOLDER_NAMES)
        folder.mkdir(parents=True)
        if not is_alone:
            (folder / f"{chance.choice(FOLDER_NAMES)}.txt").write_text("no history")
        (folder / one.name).write_bytes(one.content)
        return folder / one.name if is_alone else folder

    def _faults_of(self, run: FileRun) -> Iterator[str]:
        if len(run.landed) + len(run.problems) != 1:
            yield f"{len(run.landed)} landed and {run.problems} said"
        for line in (*run.problems, *run.notes):
            if not line.isprintable() or len(line) > LONGEST_LINE:
                yield f"no clear line: {line!r}"
        if not self._logged.lines:
            yield "nothing was logged"
        for line in self._logged.lines:
            if not line.isprintable() or len(line) > LONGEST_LINE:
                yield f"no clear line in the log: {line!r}"
        conn = self._warehouse.conn
        added = sum(landed.added_rows for landed in run.landed if not landed.known)
        self._rows += added
        self._landed_rows += added
        [(present,)] = conn.execute("SELECT count(*) FROM imported_plays WHERE user_id = %s", [self._user_ids[-1]])
        if present != self._landed_rows:
            yield f"{present} rows are there, {self._landed_rows} were landed"
            self._landed_rows = present
        if jobs := conn.execute("SELECT id FROM import_jobs WHERE status IN ('PENDING', 'PROCESSING')").fetchall():
            yield f"jobs are open: {jobs}"

    def _odd_plays(self, run: FileRun, one: Input) -> Iterator[str]:
        """Rows that landed and that are not in the text of the file, as plain JSON reads it. A text that was damaged
        after it was packed is not compared: it unpacks only where its checksum holds."""
        jobs = [landed.job_id for landed in run.landed if not landed.known]
        rows = self._warehouse.conn.execute(
            "SELECT played_at, stopped_at, ms_played, spotify_id FROM imported_plays"
            " JOIN export_tracks ON export_tracks.id = export_track_id WHERE user_id = %s AND job_id = ANY (%s)",
            [self._user_ids[-1], jobs],
        ).fetchall()
        if not rows:
            return
        told: set[Any]
        if one.is_spotifys:
            told = set(_plays_told(one.texts))
            odd = [row for row in rows if (row[1] or row[0], *row[2:]) not in told]
        else:
            told = set(seconds_told(one.texts))
            odd = [row for row in rows if not told & {int(at.timestamp()) for at in row[:2] if at}]
        if odd:
            yield f"{len(odd)} of {len(rows)} rows are not in the file, like {odd[0]}"

    def _afterwards(self) -> Iterator[str]:
        """What landed is derived without trouble, and an undamaged history is as if nothing had been before it."""
        sample = write_sample(self._folder / "whole", seed=UNDAMAGED_SEED, users=3, years=1, plays=300, end=LAST)
        user_ids = {one.name: self._warehouse.user(one.name, one.timezone) for one in sample}
        for one in sample:
            run = FileRun(
                self._warehouse.session(),
                user_ids[one.name],
                uploads=self._folder / "uploads",
                limits=LIMITS,
                log=LOG,
            )
            for path in one.files:
                run.land(path, lambda name: lambda batch, total: None)
            yield from run.problems
        self._warehouse.settle([*self._user_ids, *user_ids.values()])
        yield from map(str, invariants.check(self._warehouse.conn))
        yield from map(str, verify.verify(self._warehouse.session()).differences)
        expected = reference.derive({one.name: landing_of(one) for one in sample})
        for name, user_id in user_ids.items():
            found = self._warehouse.tables(user_id)
            for table in Tables._fields:
                there, should = getattr(found, table), getattr(expected[name], table)
                if there != should:
                    more = [one for one in there if one not in should]
                    yield f"{name}: {table}: {more[:3]} there, {[one for one in should if one not in there][:3]} not"


class Logged(logging.Handler):
    """What was logged, by whomever."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _progress(name: str) -> Callable[[object, int], None]:
    """Logs under which name a file is read, as the asset does."""
    LOG.info(f"{name}: is being read")
    return lambda batch, total: None


def renamed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose music has names that no undamaged file gives."""
    return [{key: f"{value} zz" if key in NAMES and value else value for key, value in row.items()} for row in rows]


def landing_of(one: SampleUser) -> Landing:
    return Landing(one.timezone, [play for path in one.files for play in read(path).plays])


def _plays_told(texts: Sequence[bytes]) -> Iterator[tuple[datetime, int | None, str | None]]:
    """The end, length and Spotify id of every row of some texts that may be a play."""
    for text in texts:
        values: Any = None
        with suppress(ValueError, RecursionError):
            values = json.loads(text.decode("utf-8-sig", "replace"), strict=False, parse_int=_number)
        for row in values if isinstance(values, list) else ():
            if isinstance(row, dict):
                yield from _as_told(row)


def _number(digits: str) -> int:
    """Python refuses to read numbers of thousands of digits; no play has one."""
    return int(digits) if len(digits) < 1_000 else -1


def _as_told(row: dict[str, Any]) -> Iterator[tuple[datetime, int | None, str | None]]:
    for time_key, length_key in (("ts", "ms_played"), ("endTime", "msPlayed")):
        with suppress(ValueError, TypeError, OverflowError):
            ended = datetime.fromisoformat(row[time_key]) if time_key in row else None
            length = row.get(length_key)
            if ended is None or not isinstance(length, int | float):
                continue
            ended = ended.replace(tzinfo=ended.tzinfo or UTC).astimezone(UTC)
            minute, rounded = ended.replace(second=0, microsecond=0), ended + timedelta(microseconds=1)
            uris = (row.get("spotify_track_uri"), row.get("spotify_episode_uri"), row.get("audiobook_chapter_uri"),
                    row.get("audiobook_uri"))  # fmt: skip
            ids = [uri.rpartition(":")[2] for uri in uris if isinstance(uri, str)]
            for told in (minute,) if time_key == "endTime" else (ended, rounded):
                yield from ((told, int(length), spotify_id) for spotify_id in (None, *ids))
