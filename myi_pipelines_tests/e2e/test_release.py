"""`make release`: everything of one version, from one commit, with the same bytes whenever it is built."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts" / "release.py"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("changelog", "changed", "told"),
    [
        ("## [0.2.0] - unreleased", "", "CHANGELOG"),
        ("## [0.1.0] - 2026-01-01", "", "CHANGELOG"),
        ("## [0.2.0] - 2026-01-01", " M README.md", "README"),
    ],
)
def test_a_version_that_is_not_ready_is_not_released(
    release: ModuleType, changelog: str, changed: str, told: str
) -> None:
    with pytest.raises(release.CannotRelease, match=told):
        release.require_ready("0.2.0", changelog, changed)
    release.require_ready("0.2.0", "## [0.2.0] - 2026-01-01", "")


@pytest.mark.e2e
@pytest.mark.thorough
def test_a_release_built_twice_has_the_same_bytes(tmp_path: Path) -> None:
    sums = []
    for name in ("first", "second"):
        arguments = ["--draft", "--no-image", "--into", str(tmp_path / name)]
        done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        [folder] = (tmp_path / name).iterdir()
        sums.append((folder / "SHA256SUMS").read_text())
    assert sums[0] == sums[1]
    version = folder.name
    assert f"next: git tag -s v{version}" in done.stdout.lower()

    files = {name: sha256 for sha256, _, name in (line.partition("  ") for line in sums[0].splitlines())}
    assert set(files) == {
        f"myi_pipelines-{version}-py3-none-any.whl",
        f"myi_pipelines-{version}.tar.gz",
        f"myi-{version}.cdx.json",
    }
    for file, sha256 in files.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == sha256

    bill = json.loads((folder / f"myi-{version}.cdx.json").read_text())
    names = {component["name"] for component in bill["components"]}
    assert {"dagster", "psycopg", "spotipy"} <= names
    assert not names & {"pytest", "hypothesis"}
    assert bill["metadata"]["component"]["version"] == version
    with (
        zipfile.ZipFile(folder / f"myi_pipelines-{version}-py3-none-any.whl") as wheel,
        tarfile.open(folder / f"myi_pipelines-{version}.tar.gz") as source,
    ):
        packed = {name for name in wheel.namelist() if name.startswith("myi_pipelines/")}
        assert {f"myi_pipelines-{version}/{name}" for name in packed} <= set(source.getnames())
