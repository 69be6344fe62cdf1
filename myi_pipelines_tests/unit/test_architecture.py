"""The drawing in docs/development/architecture.md shows exactly the imports between rooms, and none leads upwards.

A room is a module or package directly below ``myi_pipelines``, which itself is the door of notebooks and imports
nothing when it is loaded. Needs no server.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from myi_pipelines.settings import PROJECT

PACKAGE = PROJECT / "myi_pipelines"
PAGE = PROJECT / "docs" / "development" / "architecture.md"
DRAWING = re.compile(r"^```mermaid\n(.*?)^```", re.DOTALL | re.MULTILINE)
LAYER = re.compile(r"^\| *\d+ *\| *([^|]+)\|", re.MULTILINE)
ROOM = re.compile(r"`(\w+)/?`")


class Arrow(NamedTuple):
    """One room imports another."""

    importing: str
    imported: str

    def __str__(self) -> str:
        return f"{self.importing} --> {self.imported}"


def rooms() -> set[str]:
    """The modules and packages directly below the package."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


@cache
def imports() -> dict[Arrow, str]:
    """The arrows that the code has, also from imports within functions, each with a file that makes it."""
    found: dict[Arrow, str] = {}
    for path in sorted({*PACKAGE.rglob("*.py")} - {PACKAGE / "__init__.py"}):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for imported in imported_rooms(ast.parse(path.read_text())):
            if imported != room:
                found.setdefault(Arrow(room, imported), str(path.relative_to(PROJECT)))
    return found


def imported_rooms(module: ast.Module) -> Iterator[str]:
    """The rooms that a module imports from."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == PACKAGE.name and rest:
                yield rest.partition(".")[0]


def drawn() -> set[Arrow]:
    """The arrows of the page's drawings: ``a & b --> c & d`` are four."""
    found = set()
    for drawing in DRAWING.findall(PAGE.read_text()):
        for line in drawing.splitlines():
            left, arrow, right = line.partition("-->")
            if arrow:
                found |= {Arrow(*pair) for pair in product(split(left), split(right))}
    return found


def split(nodes: str) -> list[str]:
    return [node.strip() for node in nodes.split("&")]


def layers() -> list[set[str]]:
    """The rooms of each row of the page's table of layers, from top to bottom."""
    return [set(ROOM.findall(cell)) for cell in LAYER.findall(PAGE.read_text())]


def test_the_drawing_shows_exactly_the_imports_between_rooms() -> None:
    code, page = imports(), drawn()
    missing = [f"{arrow}   ({file})" for arrow, file in sorted(code.items()) if arrow not in page]
    extra = [str(arrow) for arrow in sorted(page - code.keys())]
    assert not missing, "in the code, not in the drawing:\n" + "\n".join(missing)
    assert not extra, "in the drawing, not in the code:\n" + "\n".join(extra)


def test_every_room_has_one_layer() -> None:
    listed = [room for layer in layers() for room in layer]
    assert sorted(listed) == sorted(rooms())


def test_no_import_leads_upwards_or_sideways() -> None:
    height = {room: -number for number, layer in enumerate(layers()) for room in layer}
    wrong = [
        f"{arrow}   ({file})"
        for arrow, file in sorted(imports().items())
        if height[arrow.importing] <= height[arrow.imported]
    ]
    assert not wrong, "imports that do not lead down:\n" + "\n".join(wrong)


def test_the_simulator_imports_nothing_else_of_the_package() -> None:
    assert not [arrow for arrow in imports() if arrow.importing == "simulator"]
