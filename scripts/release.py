"""Build a release of the commit that is checked out, into dist/<version>/; `make release` runs this.

It makes the wheel, the source archive, a bill of materials of what the wheel runs with (CycloneDX), the image where an
engine is installed, and SHA256SUMS. Everything comes from the commit, with its time, so that a second build has the
same bytes. The wheel is installed with the locked packages and asked for its version before anything is kept.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"


class CannotRelease(Exception):
    """What has to be done first, in one line."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("--draft", action="store_true", help="although the changelog or the working tree is not ready")
    parser.add_argument("--no-image", action="store_true", help="build no image")
    parser.add_argument("--into", type=Path, default=PROJECT / "dist", help="folder of releases (default: dist/)")
    chosen = parser.parse_args(arguments)
    try:
        print(*release(chosen.into, is_draft=chosen.draft, with_image=not chosen.no_image), sep="\n")
    except CannotRelease as error:
        print(f"no release: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd[:4]))
        print(f"no release: `{command} …` ended with code {error.returncode}; it says why above", file=sys.stderr)
    else:
        return 0
    return 1


def release(into: Path, *, is_draft: bool, with_image: bool) -> list[str]:
    """Build everything; return a line for each file, and what is left to do."""
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    if not is_draft:
        require_ready(version, (PROJECT / "CHANGELOG.md").read_text(), _git("status", "--porcelain"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct")}
    with tempfile.TemporaryDirectory(prefix="myi-release-") as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        _check_out(source)
        build = [sys.executable, "-m", "hatchling", "build", "-d", str(built), "-t", "wheel", "-t", "sdist"]
        subprocess.run(build, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL)
        _write_materials(next(built.glob("*.whl")), source, Path(folder, "environment"), version)
        image = _build_image(source, version, environment) if with_image else "no image was asked for"
        _write_sums(built)
        files = [f"{path.stat().st_size / 2**20:8.2f} MiB  {path.name}" for path in sorted(built.iterdir())]
        target = into / version
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built, target)
    return [f"{target}:", *files, image, f"Next: git tag -s v{version}, and publish these files with the tag."]


def require_ready(version: str, changelog: str, changed: str) -> None:
    """Raise CannotRelease unless the changelog has the version with its date, and no file differs from the commit.

    >>> require_ready("1.2.0", "## [1.2.0] - 2026-01-31", "")
    >>> require_ready("1.2.0", "## [1.2.0] - unreleased", "")
    Traceback (most recent call last):
        ...
    release.CannotRelease: CHANGELOG.md has no "## [1.2.0] - " with a date
    """
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise CannotRelease(f'CHANGELOG.md has no "## [{version}] - " with a date')
    if changed:
        raise CannotRelease("the working tree differs from the commit; commit or remove:\n" + changed)


def _check_out(folder: Path) -> None:
    """The files of the commit, and nothing that lies beside them."""
    folder.mkdir()
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=PROJECT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)


def _write_materials(wheel: Path, source: Path, folder: Path, version: str) -> None:
    """Install the wheel beside exactly what is locked, try it, and list all packages with their licences."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(source / LOCK)], check=True)
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)
    told = subprocess.run([python, "-m", "myi_pipelines.cli", "--version"], capture_output=True, text=True, check=True)
    if version not in told.stdout:
        raise CannotRelease(f"the wheel of {version} says that it is {told.stdout.strip() or 'nothing'}")
    list_all = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON"]
    whole = ["--pyproject", str(source / "pyproject.toml"), "--mc-type", "application"]
    output = ["-o", str(wheel.parent / f"myi-{version}.cdx.json")]
    subprocess.run([*list_all, *whole, *output, str(python)], check=True)


def _build_image(source: Path, version: str, environment: Mapping[str, str]) -> str:
    """Build the image with the first engine that is installed, and say its digest."""
    tag = f"myi:{version}"
    engine = next((name for name in ("docker", "podman", "buildah") if _works(name)), None)
    if engine is None:
        return "no image: neither docker, podman nor buildah works here"
    stamp = ["--build-arg", f"SOURCE_DATE_EPOCH={environment['SOURCE_DATE_EPOCH']}"]
    if engine != "docker":
        stamp = ["--timestamp", environment["SOURCE_DATE_EPOCH"]]
    subprocess.run([engine, "build", "--quiet", "--tag", tag, *stamp, str(source)], env=dict(environment), check=True)
    inspect = [engine, "inspect", "--type", "image"] if engine != "docker" else ["docker", "image", "inspect"]
    field = ["--format", "{{.FromImageDigest}}" if engine == "buildah" else "{{.Id}}"]
    digest = subprocess.run([*inspect, *field, tag], capture_output=True, text=True, check=True).stdout.strip()
    return f"image {tag} ({engine}) {digest}"


def _works(engine: str) -> bool:
    """Whether an engine is installed and, if it needs a daemon, reaches it."""
    return shutil.which(engine) is not None and subprocess.run([engine, "info"], capture_output=True).returncode == 0


def _write_sums(folder: Path) -> None:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
