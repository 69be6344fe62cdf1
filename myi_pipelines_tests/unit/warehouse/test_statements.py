"""The statements under ``sql/``: every file is used and says what it returns, every name that Python uses is a file."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from myi_pipelines.warehouse.database.statements import SQL_FOLDER, statement

ROOT = Path(__file__).resolve().parents[3]
STATEMENTS = sorted(
    str(path.relative_to(SQL_FOLDER).with_suffix(""))
    for path in SQL_FOLDER.rglob("*.sql")
    if path.parent not in (SQL_FOLDER, SQL_FOLDER / "migrations")
)
ANY = r"\w+"
INSERT_WITHOUT_COLUMNS = re.compile(r"INSERT INTO [\w.{}]+( AS \w+)?\s+(SELECT|VALUES|WITH|DEFAULT)\b")


class _Module:
    """The strings of a module: what it may call a statement."""

    def __init__(self, path: Path) -> None:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        self.texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        self.patterns = {_pattern(node) for node in nodes if isinstance(node, ast.JoinedStr)}
        calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "statement"]
        self.names = {
            arg.value
            for call in calls
            for arg in call.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        }

    def may_mean(self, name: str) -> bool:
        """Whether the module names a statement, or puts its name together from strings that stand in Python."""
        folder, stem = name.split("/")
        variable = f"{folder}/{ANY}"
        patterns = {pattern for pattern in self.patterns if pattern.startswith(f"{folder}/")}
        if {name, f"{stem}.sql"} & self.texts or any(re.fullmatch(pattern, name) for pattern in patterns - {variable}):
            return True
        return variable in patterns and (
            any(stem in module.texts for module in modules())
            or any(re.fullmatch(pattern, stem) for pattern in self.patterns if pattern.replace(ANY, ""))
        )


def _pattern(name: ast.JoinedStr) -> str:
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ANY for part in name.values)


@cache
def modules() -> list[_Module]:
    return [
        _Module(path) for package in ("myi_pipelines", "benchmarks") for path in sorted((ROOT / package).rglob("*.py"))
    ]


def _text(name: str) -> str:
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def test_every_statement_that_python_names_is_a_file() -> None:
    named = {name for module in modules() for name in module.names}
    assert named
    assert not named.difference(STATEMENTS)


def test_every_file_is_used() -> None:
    included = {name for file in STATEMENTS for name in re.findall(r"\{(\w+/\w+)\}", _text(file))}
    used = {name for name in STATEMENTS if name in included or any(module.may_mean(name) for module in modules())}
    assert sorted(set(STATEMENTS) - used) == []


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_begins_with_a_comment_and_inserts_by_name(name: str) -> None:
    text = _text(name)
    assert text.startswith("-- ")
    assert INSERT_WITHOUT_COLUMNS.search(text) is None


def test_a_file_includes_the_statement_of_another() -> None:
    included = statement("user_months/reached").as_string(None)
    assert f"({included})" in statement("user_months/invalidate_reached").as_string(None)
