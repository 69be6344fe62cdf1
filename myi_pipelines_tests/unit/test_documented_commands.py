"""The commands that README.md and docs/ tell people to type exist, with these options."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from myi_pipelines.cli.app import app
from myi_pipelines.settings import PROJECT
from myi_pipelines_tests.support import compose

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"|", "||", "&&", ">", "2>&1", ";"}
"""What ends a command's own words."""


def commands(program: str) -> list[list[str]]:
    """The words of every command in a shell block that calls a program, whole lines and what follows a pipe."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words: list[str] = []
                for word in [*shlex.split(line, comments=True), ";"]:
                    if word not in ELSEWHERE:
                        words.append(word)
                        continue
                    if words and Path(words[0]).name == program:
                        found.append(words[1:])
                    words = []
    return found


@pytest.mark.parametrize("words", commands("myi"), ids=" ".join)
def test_myi_takes_what_the_pages_say(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(tmp_path) if word.startswith("/mnt/") else word for word in words]
    for word in words:
        if word.endswith((".zip", ".json")):
            Path(word).touch()
    command: Any = typer.main.get_command(app)
    context = command.make_context("myi", list(words))
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)
    assert command.callback


@pytest.mark.parametrize("words", [words[1:] for words in commands("docker") if words[0] == "compose"], ids=" ".join)
def test_the_pages_name_services_that_the_compose_file_has(words: list[str]) -> None:
    services = compose.read({"POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r"})["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    for option, word in pairwise(words):
        if option == "--profile":
            assert word in profiles
        if option == "--scale":
            assert word.partition("=")[0] in services
        if option in ("-T", "--no-deps"):
            assert word in services


def test_the_pages_were_read() -> None:
    assert len(commands("myi")) > 15
    assert len(commands("docker")) > 4


@pytest.mark.parametrize("target", sorted({words[0] for words in commands("make")}))
def test_make_has_the_targets_that_the_pages_name(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
