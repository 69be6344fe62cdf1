"""The built wheel works where no checkout is: every file that a command reads is inside it.

Dependencies come from this environment's site-packages: a .pth file puts that folder on the path of an otherwise empty
environment. Python does not read the .pth files in such a folder, so the checkout's editable install has no effect. The
test does not show that the declared dependencies are all that MYI imports.
"""

import json
import os
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from myi_pipelines.definitions import defs
from myi_pipelines.settings import PROJECT
from myi_pipelines_tests.support.export_rows import as_json, as_zip, extended

pytestmark = pytest.mark.long

Run: TypeAlias = Callable[..., str]

LOAD = """
import json, sys
from myi_pipelines import definitions
assets = [key.to_user_string() for key in definitions.defs.resolve_all_asset_keys()]
print(json.dumps({"module": definitions.__file__, "path": sys.path, "assets": sorted(assets)}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", f"--wheel-dir={folder}", str(PROJECT))
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip(f"--python={folder}/bin/python", "install", str(wheel))
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Iterator[Run]:
    """Runs a program of the environment in an empty folder and returns what it prints."""

    def run(program: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [environment / "bin" / program, *arguments],
            cwd=tmp_path,
            env={"PATH": os.defpath, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    with suppress(AssertionError):
        run("myi", "services", "stop")


def pip(*arguments: str) -> None:
    """pip, which asks no index and leaves out what MYI depends on."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-index", "--no-deps"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_installed_command_imports_and_reports(run: Run, tmp_path: Path) -> None:
    export = tmp_path / "my_spotify_data.zip"
    export.write_bytes(
        as_zip({"Streaming_History_Audio_2023_0.json": as_json([extended(), extended(ts="2023-02-01T08:00:00Z")])})
    )
    assert "✗" not in run("myi", "doctor")
    run("myi", "import", export, "--user", "anna", "--timezone", "Europe/Berlin")
    report = run("myi", "report", "--user", "anna")
    assert "Band" in report
    assert run("myi", "sql", "--format", "csv", "SELECT count(*) AS plays FROM listening_events") == "plays\n2\n"


def test_dagsters_definitions_load_from_the_wheel(run: Run, environment: Path) -> None:
    loaded = json.loads(run("python", "-c", LOAD))
    assert Path(loaded["module"]).is_relative_to(environment)
    assert str(PROJECT) not in loaded["path"]
    assert loaded["assets"] == sorted(key.to_user_string() for key in defs.resolve_all_asset_keys())


def test_the_command_tells_the_wheels_version(run: Run, wheel: Path) -> None:
    _, version, *_ = wheel.name.split("-")
    assert run("myi", "--version") == f"myi {version}\n"
