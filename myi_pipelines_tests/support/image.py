"""Builds the image as Docker would, without Docker: buildah, in a chroot, on a base that debootstrap makes. Needs root.
No expectations here."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from myi_pipelines.settings import PROJECT

DOCKERFILE = PROJECT / "Dockerfile"
TOOLS = ("buildah", "debootstrap", "chroot")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT")
"""Variables by which pip finds packages here, and is to find them in the base too."""

_BASE = re.compile(
    r"^FROM (?P<name>python:(?P<version>\d+\.\d+)\.\d+-slim-(?P<suite>\w+))\S*(?: AS \w+)?$", re.MULTILINE
)


def reason_to_skip() -> str:
    """What is missing to build the image here; empty when nothing is."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"the image is built with buildah and debootstrap, and there is no {' and no '.join(missing)}"
    return "" if os.geteuid() == 0 else "the image is built in a chroot, which only root can make"


class BuildFailed(Exception):
    """A program did not do what it should; the message holds the end of what it said."""


class Builder(NamedTuple):
    """A folder with images, apart from those of the machine."""

    folder: Path

    def build(self, tag: str, context: Path) -> str:
        """Build the Dockerfile of a folder and tag the image; what was said. Raises BuildFailed.

        The base that is made here has another digest than the one that the file names."""
        unpinned = self.folder / "Dockerfile"
        unpinned.write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", (context / "Dockerfile").read_text(encoding="utf-8")))
        how = ["--isolation", "chroot", "--pull-never", "--file", str(unpinned), "--tag", tag]
        return self._buildah("build", *how, str(context))

    @contextmanager
    def container(self, tag: str) -> "Iterator[Container]":
        """A container of an image, and the folder of its files."""
        name = self._buildah("from", "--pull-never", tag).strip()
        yield Container(self, name, Path(self._buildah("mount", name).strip()))
        self._buildah("rm", name)

    def make_base(self) -> None:
        """Make the image that the Dockerfile begins with: of the same Debian, with the same minor version of Python."""
        bases = {match.group("name"): match for match in _BASE.finditer(DOCKERFILE.read_text(encoding="utf-8"))}
        [(name, match)] = bases.items()
        root = self.folder / "base"
        run(
            "debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates",
            match.group("suite"), str(root),
        )  # fmt: skip
        # In /usr/local, as in Docker's image of Python, which has the same pip there.
        run("chroot", str(root), f"python{match.group('version')}", "-m", "venv", "/usr/local")
        if CERTIFICATES.exists():
            shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        made = self._buildah("from", "scratch").strip()
        self._buildah("add", "--quiet", made, str(root), "/")
        environment = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        environment += [f"{key}={os.environ[key]}" for key in PASSED_ON if key in os.environ]
        self._buildah("config", *(f"--env={variable}" for variable in environment), made)
        self._buildah("commit", "--quiet", "--rm", made, f"docker.io/library/{name}")
        shutil.rmtree(root)

    def remove_everything(self) -> None:
        """Remove containers and images."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")

    def _buildah(self, *arguments: str) -> str:
        return run("buildah", "--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"), *arguments)


class Container(NamedTuple):
    """A container that runs one program at a time, as the image's own user, on the network of this machine."""

    builder: Builder
    name: str
    files: Path

    def run(self, *command: str, environment: Sequence[str] = ()) -> str:
        """What a program says. Raises BuildFailed."""
        variables = [f"--env={variable}" for variable in environment]
        return self.builder._buildah("run", "--isolation", "chroot", *variables, self.name, "--", *command)


@contextmanager
def builder() -> Iterator[Builder]:
    """A builder on an empty folder, nothing of which stays."""
    folder = Path(tempfile.mkdtemp(prefix="myi-image-", dir="/var/tmp"))
    try:
        made = Builder(folder)
        yield made
        made.remove_everything()
    finally:
        for mounted in sorted(
            _mounts_below(folder), reverse=True
        ):  # What debootstrap or buildah left when it broke off.
            subprocess.run(["umount", "--lazy", mounted], check=False)
        if not _mounts_below(folder):
            shutil.rmtree(folder)


def run(*command: str) -> str:
    """What a program says on stdout. Raises BuildFailed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{' '.join(command[:8])} …: {(done.stdout + done.stderr)[-3_000:]}")
    return done.stdout


def _mounts_below(folder: Path) -> list[str]:
    return [
        disk.mountpoint for disk in psutil.disk_partitions(all=True) if Path(disk.mountpoint).is_relative_to(folder)
    ]
