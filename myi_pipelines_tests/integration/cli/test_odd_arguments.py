"""Numbers that nothing in the warehouse can have, and standard input that is no text: one clear line each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
import typer

from myi_pipelines.cli import app
from myi_pipelines.settings import PROJECT
from myi_pipelines_tests.support.cli_fixtures import Myi

HUGE = [-(10**20), -(2**63) - 1, 2**63, 10**20]


class Taker(NamedTuple):
    """A command with the option or argument of it that takes whole numbers."""

    command: str
    name: str
    others: tuple[str, ...]
    """What the command needs besides."""
    has_range: bool

    def arguments(self, number: int) -> list[str]:
        if self.name.startswith("-"):
            return [self.command, *self.others, f"{self.name}={number}"]
        return [self.command, *self.others, "--", str(number)]


def takers() -> Iterator[Taker]:
    group: Any = typer.main.get_command(app)
    for name, command in sorted(group.commands.items()):
        for one in command.params:
            if one.type_descriptor.annotation in (int, list[int]):
                required = [other for other in command.params if other.required and other is not one]
                others = tuple(f"{other.opts[0]}=anna" for other in required)
                yield Taker(name, one.opts[0], others, has_range=None not in (one.min, one.max))


TAKERS = list(takers())


def test_the_numbers_of_the_commands_are_found() -> None:
    found = {(taker.command, taker.name) for taker in TAKERS}
    assert found >= {("jobs", "--notes"), ("jobs", "--limit"), ("undo-import", "job"), ("unhide", "numbers")}


@pytest.mark.parametrize("taker", TAKERS, ids=lambda taker: f"{taker.command} {taker.name}")
def test_a_number_that_nothing_has_is_one_line(myi: Myi, taker: Taker) -> None:
    for number in HUGE:
        result = myi(*taker.arguments(number))
        assert isinstance(result.exception, SystemExit), f"{number}: {result.exception!r}"
        if taker.has_range:
            assert result.exit_code == 2
            assert f"Invalid value for '{taker.name}'" in result.stderr
        else:
            assert result.exit_code == 1
            assert str(number) in result.stderr
            assert result.stderr.startswith("myi: ")
            assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["sql", "-"], b"SELECT '\xff'"), (["password", "--user", "anna"], b"four plain words \xff\n")],
)
@pytest.mark.parametrize("language", ["C.UTF-8", "C", "de_DE.UTF-8"])
def test_standard_input_that_is_no_text_is_one_line(
    myi: Myi, conn: psycopg.Connection, arguments: list[str], text: bytes, language: str
) -> None:
    conn.execute("INSERT INTO users (name) VALUES ('anna')")
    done = subprocess.run(
        [sys.executable, "-c", "from myi_pipelines.cli import main; main()", *arguments],
        input=text,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "LC_ALL": language, "LANG": language},
    )
    assert done.returncode == 1
    assert done.stderr == b"myi: what standard input holds is not UTF-8\n"
