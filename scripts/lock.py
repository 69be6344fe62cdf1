"""Write the lock files from pyproject.toml; `make lock` runs this with uv installed.

Each file holds what its layer adds to the one that it lies on, so a version stands in one place. They hold for every
platform and every Python that pyproject.toml allows. Versions stay as they are where they still fit; --upgrade takes
the newest.

Why not one uv.lock: it writes the address of the package index into every package, and that of each file (pylock.toml
does, too). Then every user would install from there. These files name no host, and pip's own configuration decides: a
mirror, a proxy, a folder of wheels. For the same reason pip installs, not uv, which does not read pip's configuration.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
UV = Path(sysconfig.get_path("scripts")) / "uv"
COMPILE = [
    *("pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--only-binary=:all:", "--generate-hashes"),
    *("--no-strip-extras", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
]


class Layer(NamedTuple):
    """A lock file, what of pyproject.toml it is made from beside the dependencies, and the file that it lies on."""

    file: str
    options: Sequence[str]
    below: str | None = None
    includes: bool = True
    """Whether it begins with the file that it lies on; else that one's packages are there already."""


LAYERS = [
    Layer("requirements.lock", ["--group=build"]),
    Layer("requirements-celery.lock", ["--group=build", "--extra=celery"], "requirements.lock"),
    Layer("requirements-dev.lock", ["--group=dev", "--extra=celery"], "requirements-celery.lock"),
    Layer("deploy/kubernetes/requirements.lock", ["--group=build", "--group=kubernetes"], "requirements.lock", False),
]
"""Each after the one that it lies on."""


def main(options: Sequence[str]) -> None:
    complete: dict[str | None, str] = {None: ""}
    """What each file holds with all that it lies on."""
    before: dict[str | None, str] = {None: ""}
    """The same before this."""
    with tempfile.TemporaryDirectory() as folder:
        written, below = Path(folder) / "written.txt", Path(folder) / "below.txt"
        for layer in LAYERS:
            before[layer.file] = before[layer.below] + _without_includes(PROJECT / layer.file)
            written.write_text(before[layer.file])  # uv keeps to these versions
            below.write_text(complete[layer.below])
            outcome = [f"--constraints={below}", f"--output-file={written}", "pyproject.toml"]
            command: list[str | Path] = [UV, *COMPILE, *layer.options, *options, *outcome]
            subprocess.run(command, cwd=PROJECT, check=True)
            complete[layer.file] = written.read_text()
            _write(layer, complete[layer.file], complete[layer.below])


def _without_includes(lock: Path) -> str:
    lines = lock.read_text().splitlines(keepends=True) if lock.exists() else []
    return "".join(line for line in lines if not line.startswith("-r "))


def _write(layer: Layer, pins: str, below: str) -> None:
    """The pins that the layer below lacks, on top of it. One whose marker differs stands in both, which pip allows."""
    had = set(_pins(below))
    head = [f"-r {layer.below}\n"] if layer.below and layer.includes else []
    (PROJECT / layer.file).write_text("".join([*head, *(pin for pin in _pins(pins) if pin not in had)]))


def _pins(text: str) -> list[str]:
    """A package with its version, marker and hashes each: the lines up to the next that is not indented."""
    return [pin for pin in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if pin]


if __name__ == "__main__":
    main(sys.argv[1:])
