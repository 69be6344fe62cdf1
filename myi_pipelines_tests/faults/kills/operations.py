"""The table of operations that are killed: what each finds, how it is started, what is true when it was done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from myi_pipelines.operations.backup import read_manifest
from myi_pipelines.warehouse import corrections
from myi_pipelines.warehouse.corrections import Kind
from myi_pipelines_tests.faults.kills.household import ARCHIVED, Household, damage, hold, make_wrong
from myi_pipelines_tests.support import reference
from myi_pipelines_tests.support.reference import Correction, Landing, Tables
from myi_pipelines_tests.support.warehouse_harness import Warehouse

ARTIST_HIDDEN = "what is hidden of ada"
OTHER_ZONE = "Pacific/Apia"
KEEP_MONTHS = "24"
BACKUP = "backups/of-now"


class State(NamedTuple):
    """What an operation finds: another state, and what was done to it by functions, then by commands."""

    name: str
    parent: State | None = None
    change: Callable[[Household, Warehouse], None] | None = None
    commands: tuple[tuple[str, ...], ...] = ()


class Operation(NamedTuple):
    """What is killed, and done again."""

    name: str
    state: State
    command: Callable[[Household, Warehouse], list[str]]
    expected: Callable[[Household], Mapping[str, Tables]]
    """The tables of each user that there is in the end."""
    keeps_invariants: bool = True
    """A reader sees statistics that agree with events, wherever the operation is killed."""
    forgets: str = ""
    """The user whose plays and statistics may part on the way."""
    makes: State | None = None
    """The state that the command makes of the other one."""
    is_done: Callable[[Path, Warehouse], bool] = lambda folder, warehouse: False
    """Whether a killed operation had reached its end, so that a user would not, and may not, run it again."""


def derived(household: Household, **changed: Landing) -> dict[str, Tables]:
    """What the reference says of the household, of some of whom something else has landed."""
    return reference.derive({**household.landings, **changed})


def favourite(household: Household) -> str:
    """The artist whom ada heard most."""
    names = [play.track.artist for play in household.plays("ada") if play.track.artist]
    return max(sorted(set(names)), key=names.count)


def with_hidden_artist(household: Household) -> dict[str, Tables]:
    hidden = Correction("HIDE_ARTIST", {"artist": favourite(household)})
    return reference.derive(household.landings, corrections={"ada": [hidden]})


def with_undone_import(household: Household) -> dict[str, Tables]:
    bela = household.landing("bela")
    undone = household.plays("bela", slice(1, None))
    return derived(household, bela=bela._replace(plays=household.plays("bela", slice(1)), undone=undone))


def with_other_zone(household: Household) -> dict[str, Tables]:
    return derived(household, ada=household.landing("ada")._replace(timezone=OTHER_ZONE))


def without_ada(household: Household) -> dict[str, Tables]:
    """The names that ada's files gave stay in the catalog."""
    tables = derived(household)
    del tables["ada"]
    return tables


def merged(household: Household) -> dict[str, Tables]:
    ada, chandra = household.landing("ada"), household.landing("chandra")
    both = ada._replace(plays=[*ada.plays, *chandra.plays], polled=[*ada.polled, *chandra.polled])
    return reference.derive({"ada": both, "bela": household.landing("bela")})


def hide_favourite(household: Household, warehouse: Warehouse) -> None:
    user_id = warehouse.user("ada", household.listeners["ada"].timezone)
    corrections.correct(warehouse.conn, user_id, Kind.HIDE_ARTIST, {"artist": favourite(household)})
    warehouse.settle([user_id])


def has_user(name: str) -> Callable[[Path, Warehouse], bool]:
    return lambda folder, warehouse: bool(
        warehouse.conn.execute("SELECT FROM users WHERE name = %s", [name]).fetchall()
    )


def is_shown_again(folder: Path, warehouse: Warehouse) -> bool:
    return corrections.list_corrections(warehouse.conn) == []


def is_backed_up(folder: Path, warehouse: Warehouse) -> bool:
    return (folder / BACKUP).exists() and bool(read_manifest(folder / BACKUP).rows)


def always(*arguments: str) -> Callable[[Household, Warehouse], list[str]]:
    return lambda household, warehouse: list(arguments)


def import_of_ada(household: Household, warehouse: Warehouse) -> list[str]:
    ada = household.listeners["ada"]
    return ["import", *map(str, ada.files), "--user", "ada", "--timezone", ada.timezone]


def undo_of_bela(household: Household, warehouse: Warehouse) -> list[str]:
    [(job,)] = warehouse.conn.execute(
        "SELECT max(import_jobs.id) FROM import_jobs JOIN users ON users.id = user_id WHERE name = 'bela'"
    )
    return ["undo-import", str(job)]


WAITING = State("waiting", change=lambda household, warehouse: household.settle(warehouse, without_files_of="ada"))
LANDED = State("landed", WAITING, lambda household, warehouse: household.land(warehouse, "ada"))
FULL = State("full", WAITING, commands=(("IMPORT",),))
WRONG = State("wrong", FULL, lambda household, warehouse: make_wrong(warehouse))
HIDDEN = State("hidden", FULL, hide_favourite)
HELD = State("held", FULL, lambda household, warehouse: hold(warehouse))
ARCHIVE = State("archived", HELD, commands=(("archive", "--keep-months", KEEP_MONTHS),))
DAMAGED = State("damaged", ARCHIVE, lambda household, warehouse: damage(warehouse))
BACKED_UP = State("backed up", ARCHIVE, commands=(("backup", BACKUP), ("settings", "ada", "--timezone", OTHER_ZONE)))

OPERATIONS = (
    Operation("import", WAITING, import_of_ada, derived, makes=FULL),
    Operation("heal", LANDED, always("heal"), derived),
    Operation("backfill", WRONG, always("rederive", "--yes"), derived),
    Operation("exchange", WRONG, always("exchange"), derived),
    Operation("archive", HELD, always("archive", "--keep-months", KEEP_MONTHS), derived, makes=ARCHIVE),
    Operation("unarchive", ARCHIVE, always("unarchive", *(f"{month:%Y-%m}" for month in ARCHIVED)), derived),
    Operation("backup", ARCHIVE, always("backup", BACKUP), derived, is_done=is_backed_up),
    Operation(
        "restore", BACKED_UP, always("restore", BACKUP, "--replace", "--yes"), derived, keeps_invariants=False
    ),
    Operation(
        "forget", ARCHIVE, always("forget", "--user", "ada", "--yes"), without_ada, forgets="ada",
        is_done=lambda folder, warehouse: not has_user("ada")(folder, warehouse),
    ),
    Operation("verify --repair", DAMAGED, always("verify", "--repair"), derived, keeps_invariants=False),
    Operation("time zone", ARCHIVE, always("settings", "ada", "--timezone", OTHER_ZONE), with_other_zone),
    Operation(
        "hide", ARCHIVE,
        lambda household, warehouse: ["hide", "artist", favourite(household), "--user", "ada"],
        with_hidden_artist,
    ),
    Operation("unhide", HIDDEN, always("unhide", "1"), derived, is_done=is_shown_again),
    Operation("undo-import", ARCHIVE, undo_of_bela, with_undone_import),
    Operation(
        "merge", ARCHIVE, always("merge-users", "chandra", "ada", "--yes"), merged,
        is_done=lambda folder, warehouse: not has_user("chandra")(folder, warehouse),
    ),
)  # fmt: skip
