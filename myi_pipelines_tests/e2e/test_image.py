"""The image, built from its Dockerfile and started as its own user: minutes and gigabytes, by `make test-image`."""

import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from myi_pipelines.settings import PROJECT
from myi_pipelines_tests.support import compose, image
from myi_pipelines_tests.support.image import Builder, Container

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(bool(image.reason_to_skip()), reason=image.reason_to_skip() or "not skipped"),
]

VENV = Path("opt/venv")
LARGEST = 620_000_000
"""Bytes of the packages and the project: 109 MB less than with tests, source maps, headers and pip."""
LEFT_OUT = re.compile(r"\.(map|a|c|cc|cpp|h|hpp|pxd|pyx)$")


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with image.builder() as made:
        made.make_base()
        made.build(f"myi:{version('myi-pipelines')}", PROJECT)
        yield made


@pytest.fixture
def container(builder: Builder) -> Iterator[Container]:
    with builder.container(f"myi:{version('myi-pipelines')}") as made:
        yield made


def test_the_doctor_finds_nothing_wrong_inside_as_a_user_who_is_not_root(container: Container) -> None:
    assert container.run("id", "-u") == "10001\n"
    said = container.run("sh", "-c", "myi doctor; code=$?; myi services stop; exit $code", environment=[_ui_port()])
    assert "✗" not in said
    assert said.count("✓") > 10


def test_the_code_server_starts_and_is_healthy_by_the_compose_files_own_commands(container: Container) -> None:
    code, port = compose.service(compose.read({}), "code"), str(compose.free_port())
    assert code.healthcheck[0] == "CMD"
    start = " ".join([*code.command, "--host", "127.0.0.1", "--port", port])
    check = " ".join(code.healthcheck[1:]).replace("4000", port)
    script = f"""
        myi migrate
        eval "$(myi env)"
        {start} &
        for try in $(seq 60); do {check} && break; sleep 1; done
        {check} && echo healthy
        kill $!
        myi services stop
    """
    assert "healthy\n" in container.run("sh", "-c", script)


def test_the_pages_answer_by_the_compose_files_own_commands(container: Container) -> None:
    web, port = compose.service(compose.read({}), "web"), str(compose.free_port())
    check = shlex.join(web.healthcheck[1:]).replace("3001", port)
    sign_in = (
        "import sys, urllib.request as r\n"
        "click = r.Request(sys.argv[1], b'', {'Sec-Fetch-Site': 'same-origin'})\n"
        "print(r.build_opener(r.HTTPCookieProcessor()).open(click).read().decode())"
    )
    script = f"""
        myi migrate
        echo a password of the operator > /tmp/web_password
        export MYI_WEB_HOST=0.0.0.0 MYI_WEB_PORT={port} MYI_WEB_PASSWORD_FILE=/tmp/web_password
        {shlex.join(web.command)} &
        for try in $(seq 60); do {check} && break; sleep 1; done
        {check} && echo healthy
        python -c {shlex.quote(sign_in)} "$(myi open --print)"
        kill $!
        myi services stop
    """
    said = container.run("sh", "-c", script)
    assert "healthy\n" in said
    assert "<title>" in said.partition("healthy\n")[2]
    assert "Sign in" not in said


def test_nothing_is_in_it_that_no_process_reads(container: Container) -> None:
    files = [path for path in (container.files / VENV).rglob("*") if path.is_file() and not path.is_symlink()]
    inside = [path.relative_to(container.files) for path in files]
    assert [path for path in inside if "tests" in path.parts or LEFT_OUT.search(path.name)] == []
    assert [path for path in inside if "pip" in path.parts] == []
    kilobytes = {
        kind: sum(path.stat().st_size for path in files if (path.suffix == ".pyc") == is_bytecode) // 1_000
        for kind, is_bytecode in (("bytecode", True), ("everything else", False))
    }
    print("KB of packages and project:", kilobytes)
    assert sum(kilobytes.values()) < LARGEST // 1_000


def test_every_module_that_a_process_loads_is_compiled(container: Container) -> None:
    """Containers cannot write bytecode: what is not compiled here is compiled at each start."""
    loaded = container.run(
        "python",
        "-c",
        "import sys, myi_pipelines.definitions, dagster._grpc.server, dagster._daemon.cli, dagster_webserver.cli\n"
        "for module in list(sys.modules.values()):\n"
        "    file, cached = (getattr(module, name, None) or '' for name in ('__file__', '__cached__'))\n"
        "    if file.startswith('/opt/venv') and file.endswith('.py') and cached: print(cached)",
    ).splitlines()
    assert len(loaded) > 1_000
    assert [path for path in loaded if not (container.files / path.lstrip("/")).exists()] == []


def test_the_image_for_kubernetes_is_this_one_with_its_launcher_and_the_guarded_webserver(builder: Builder) -> None:
    builder.build("myi:kubernetes", PROJECT / "deploy/kubernetes")
    with builder.container("myi:kubernetes") as container:
        assert container.run("id", "-u") == "10001\n"
        container.run("python", "-c", "import dagster_k8s, myi_pipelines.definitions")
        webserver = container.files / VENV / "bin/dagster-webserver"
        assert webserver.readlink() == Path("/opt/venv/bin/myi-webserver")


def _ui_port() -> str:
    return f"MYI_PORT={compose.free_port()}"
