"""The pages are right: the commands, files, settings and metrics that they name exist, and no link is dead."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from myi_pipelines.cli.app import app
from myi_pipelines.settings import PREFIX, PROJECT, SECRETS, Settings
from myi_pipelines_tests.support import compose

PAGES = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"|", "||", "&&", ">", "<", "2>&1", ";"}
"""What ends a command's own words."""
WITH_VALUE = {
    "--profile", "--file", "-f", "--project-name", "-p", "--env-file", "--scale", "--user", "-u", "--env", "-e",
    "--workdir", "-w", "--index", "--tail", "-n", "--since", "--timeout", "-t", "--wait-timeout", "--entrypoint",
}  # fmt: skip
"""Options of Compose that a word of their own follows."""
RUNNING = {"exec", "run"}
"""Sub-commands of Compose that take one service, and then the words of a command in it."""
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMPOSE = re.compile(r"`docker compose ([^`]+)`")
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|sql|yaml|yml|toml|md|json))`")
METRIC = re.compile(r"\bmyi_(?!pipelines)[a-z0-9_]+")
TERM = re.compile(r"^\| ((?:\*\*.+?\*\*[^|]*)+)\|", re.MULTILINE)
FOLDERS = (
    PROJECT,
    PROJECT / "myi_pipelines",
    PROJECT / "myi_pipelines" / "orchestration",
    PROJECT / "myi_pipelines_tests",
)
"""Where the pages name files from."""


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


def compose_commands() -> list[list[str]]:
    """The words of every `docker compose` command, in shell blocks and in sentences."""
    sentences = [FENCED.sub("", page.read_text()) for page in PAGES]
    said = [line.split() for text in sentences for line in COMPOSE.findall(text)]
    return said + [words[1:] for words in commands("docker") if words[0] == "compose"]


def named_services(words: list[str]) -> set[str]:
    """The services that the words of a `docker compose` name: after the sub-command, and to scale."""
    scaled = {word.partition("=")[0] for option, word in pairwise(words) if option == "--scale"}
    values = {place + 1 for place, word in enumerate(words) if word in WITH_VALUE}
    said = [word for place, word in enumerate(words) if place not in values and not word.startswith("-")]
    return scaled | set(said[1:2] if said[0] in RUNNING else said[1:])


def links() -> list[tuple[Path, str]]:
    """Every relative link of every page: the page and the link's target."""
    return [(page, target) for page in PAGES for target in LINK.findall(FENCED.sub("", page.read_text()))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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


@pytest.mark.parametrize("words", compose_commands(), ids=" ".join)
def test_the_pages_name_services_that_the_compose_file_has(words: list[str]) -> None:
    services = compose.read({})["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    for option, word in pairwise(words):
        if option == "--profile":
            assert word in profiles
    assert named_services(words) <= set(services)


def test_a_service_that_compose_does_not_have_is_noticed() -> None:
    services = set(compose.read({})["services"])
    for line in (
        "exec wbe myi open",
        "exec -T --user 0 wbe sh",
        "--profile bi up --detach wbe",
        "up --build --no-deps web wbe",
        "up --scale wbe=4",
        "logs --tail 5 wbe",
        "run --rm wbe myi users",
    ):
        assert named_services(line.split()) - services == {"wbe"}, line
    for line in ("up --detach --build", "down", "build", "exec -T postgres psql wbe", "--file wbe ps"):
        assert named_services(line.split()) <= services, line


def test_the_pages_were_read() -> None:
    assert len(commands("myi")) > 15
    assert len(compose_commands()) > 8


@pytest.mark.parametrize("target", sorted({words[0] for words in commands("make")}))
def test_make_has_the_targets_that_the_pages_name(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "target"), links(), ids=[f"{page.relative_to(PROJECT)}: {target}" for page, target in links()]
)
def test_links_lead_to_files_and_headings_that_exist(page: Path, target: str) -> None:
    file, _, anchor = target.partition("#")
    linked = page.parent / file if file else page
    assert linked.exists(), f"{linked} does not exist"
    if anchor:
        assert anchor in anchors(linked)


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_page_is_in_the_table_of_contents(page: Path) -> None:
    contents = PROJECT / "docs" / "README.md"
    listed = {(contents.parent / target).resolve() for linking, target in links() if linking == contents}
    assert page in {*listed, contents}


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {(page.parent / target).resolve() for page, target in links()}
    assert set((PROJECT / "docs" / "images").iterdir()) <= shown


@pytest.mark.parametrize("name", sorted({name for page in PAGES for name in FILE.findall(page.read_text())}))
def test_the_files_that_the_pages_name_exist(name: str) -> None:
    assert any((folder / name).exists() for folder in FOLDERS)


def test_the_metrics_that_the_pages_name_are_those_of_myi_metrics() -> None:
    page = (PROJECT / "docs" / "operations" / "monitoring.md").read_text()
    code = (PROJECT / "myi_pipelines" / "operations" / "monitoring" / "prometheus.py").read_text()
    counted = {f"{name}_total" for name in re.findall(r'CounterMetricFamily\(\s*"(\w+)"', code)}
    gauges = set(re.findall(r'"(myi_\w+)"', code)) - {name.removesuffix("_total") for name in counted}
    assert set(METRIC.findall(page)) == counted | gauges


def test_the_guide_lists_every_setting() -> None:
    listed = set(re.findall(rf"`({PREFIX}[A-Z_]+)`", (PROJECT / "docs" / "guide" / "settings.md").read_text()))
    assert listed == {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_guide_lists_every_secret_that_may_be_in_a_file() -> None:
    _, _, section = (PROJECT / "docs" / "guide" / "settings.md").read_text().partition("## Secrets by file")
    assert set(re.findall(rf"`({PREFIX}[A-Z_]+)`", section)) == {PREFIX + name.upper() for name in SECRETS}


def test_the_index_of_the_glossary_lists_every_term_in_order() -> None:
    glossary, _, index = (PROJECT / "docs" / "glossary.md").read_text().partition("## Index")
    terms = {term for cell in TERM.findall(glossary) for term in re.findall(r"\*\*(.+?)\*\*", cell)}
    listed = [line.partition("]")[0] for entry in index.split(" \u00b7") for line in entry.strip().split("[")[1:2]]
    assert listed == sorted(terms, key=str.lower)
