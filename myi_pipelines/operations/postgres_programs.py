"""Running PostgreSQL's own programs (pg_dump, pg_restore) against a server: the embedded wheel's or this machine's,
whichever is new enough. What they are run for is not known here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from psycopg import conninfo, pq

from myi_pipelines.errors import ConfigurationError, FailedError
from myi_pipelines.runtime.embedded.packages import MissingPackage
from myi_pipelines.runtime.embedded.postgres import programs


class ProgramNotFound(ConfigurationError):
    """No program here is new enough for the server."""


class ProgramFailed(FailedError):
    """A program ended with an error; the message carries what it said."""


def find_program(name: str, server_version: int) -> Path:
    """A program that works with a server of a version, as ``server_version_num`` tells it. Raises ProgramNotFound."""
    major = server_version // 10_000
    found = {candidate: _major_version(candidate) for candidate in _candidates(name)}
    for candidate, version in found.items():
        if version is not None and version >= major:
            return candidate
    older = sorted({version for version in found.values() if version is not None})
    there = f"only that of PostgreSQL {', '.join(map(str, older))} is" if older else "none is"
    raise ProgramNotFound(
        f"{name} of PostgreSQL {major} or newer is needed and {there} to be had: install the package "
        f"postgresql-client-{major}, or back up the server by its own means (your provider's snapshots)"
    )


def run_program(program: Path, arguments: Sequence[str | Path], url: str) -> str:
    """Run a program on a database and return what it printed; no password shows in the list of processes.

    Raises ProgramFailed.
    """
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(url),
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        said = next((line for line in lines if "error:" in line), lines[-1] if lines else "it said nothing")
        raise ProgramFailed(f"{program.name} failed: {said.removeprefix(f'{program.name}: error:').strip()}")
    return done.stdout


def _candidates(name: str) -> list[Path]:
    candidates = []
    with suppress(MissingPackage):
        candidates.append(programs() / name)
    if on_path := shutil.which(name):
        candidates.append(Path(on_path))
    return candidates


def _major_version(program: Path) -> int | None:
    try:
        printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"(\d+)(\.|\s|$)", printed)
    return int(version.group(1)) if version else None


def _environment(url: str) -> dict[str, str]:
    """A URL's parts as libpq's environment variables."""
    variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    ours = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGAPPNAME": "myi backup"}
    for keyword, value in conninfo.conninfo_to_dict(url).items():
        if (variable := variables.get(keyword)) is not None and value is not None:
            ours[variable.decode()] = str(value)
    for keyword in ("HOME", "PGPASSFILE", "PGSERVICEFILE"):
        if keyword in os.environ:
            ours.setdefault(keyword, os.environ[keyword])
    return ours
