import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from myi_pipelines.settings import PROJECT, load_settings
from myi_pipelines_tests.support import compose

FOLDER = PROJECT / "deploy/kubernetes"
SECRETS = "/run/secrets/myi"


@pytest.fixture
def values() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "values.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture
def instance() -> dict[str, Any]:
    loaded = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_the_code_server_is_started_as_compose_starts_it(values: dict[str, Any]) -> None:
    [deployed] = values["dagster-user-deployments"]["deployments"]
    composed = compose.service(compose.read({}), "code")
    assert composed.command[3 : 3 + len(deployed["dagsterApiGrpcArgs"])] == deployed["dagsterApiGrpcArgs"]
    assert deployed["port"] == int(composed.environment["DAGSTER_GRPC_PORT"])
    assert deployed["includeConfigInLaunchedRuns"]["enabled"], "runs would find neither servers nor uploads"
    assert {mount["mountPath"] for mount in deployed["volumeMounts"]} == {
        composed.environment["MYI_HOME"],
        composed.environment["MYI_UPLOADS"],
        SECRETS,
    }


def test_dead_runs_retries_and_ticks_are_treated_as_everywhere(
    values: dict[str, Any], instance: dict[str, Any]
) -> None:
    daemon = values["dagsterDaemon"]
    monitoring, retries = instance["run_monitoring"], instance["run_retries"]
    assert daemon["runMonitoring"]["maxRuntimeSeconds"] == monitoring["max_runtime_seconds"]
    assert daemon["runMonitoring"]["freeSlotsAfterRunEndSeconds"] == monitoring["free_slots_after_run_end_seconds"]
    assert daemon["runRetries"]["maxRetries"] == retries["max_retries"]
    assert daemon["runRetries"]["retryOnAssetOrOpFailure"] == retries["retry_on_asset_or_op_failure"]
    for kind, kept in instance["retention"].items():
        assert values["retention"][kind]["purgeAfterDays"].items() >= kept["purge_after_days"].items()
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["tagConcurrencyLimits"] == instance["concurrency"]["runs"]["tag_concurrency_limits"]


def test_dagsters_storage_is_told_to_use_psycopg2(values: dict[str, Any]) -> None:
    assert values["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert values["postgresql"]["postgresqlParams"] == {"options": "-csearch_path=dagster"}


def test_one_image_migrates_and_runs(values: dict[str, Any]) -> None:
    _, claim, job, web, service = yaml.safe_load_all((FOLDER / "myi.yaml").read_text())
    [container] = job["spec"]["template"]["spec"]["containers"]
    [deployed] = values["dagster-user-deployments"]["deployments"]
    assert container["image"] == f"{deployed['image']['repository']}:{deployed['image']['tag']}"
    assert deployed["image"]["tag"] == f"{version('myi-pipelines')}-kubernetes"
    assert f"FROM myi:{version('myi-pipelines')}\n" in (FOLDER / "Dockerfile").read_text()
    assert container["command"] == ["myi", "migrate"]
    [served] = web["spec"]["template"]["spec"]["containers"]
    assert served["image"] == container["image"]
    assert served["command"] == ["myi", "serve"]
    assert served["securityContext"] == container["securityContext"]
    assert service["spec"]["ports"] == [{"port": served["ports"][0]["containerPort"]}]
    assert served["readinessProbe"]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    assert claim["metadata"]["name"] == deployed["volumes"][0]["persistentVolumeClaim"]["claimName"]


def test_the_webserver_is_the_guarded_one(values: dict[str, Any]) -> None:
    [deployed] = values["dagster-user-deployments"]["deployments"]
    webserver = values["dagsterWebserver"]
    assert webserver["image"] == deployed["image"]
    assert '"$(command -v myi-webserver)" "$(command -v dagster-webserver)"' in (FOLDER / "Dockerfile").read_text()
    assert [one["name"] for one in webserver["env"]] == ["MYI_PUBLIC_HOSTS"]
    assert webserver["readinessProbe"]["httpGet"]["port"] == webserver["service"]["port"] >= 1024, "it is not root"
    # A probe names the pod's address as its host, which is none of ours.
    assert webserver["readinessProbe"]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


def test_every_pod_has_a_limit_of_memory(values: dict[str, Any]) -> None:
    _, _, job, web, _ = yaml.safe_load_all((FOLDER / "myi.yaml").read_text())
    pods = {
        "code server and runs": values["dagster-user-deployments"]["deployments"],
        "webserver": [values["dagsterWebserver"]],
        "daemon": [values["dagsterDaemon"]],
        "migrate": job["spec"]["template"]["spec"]["containers"],
        "web": web["spec"]["template"]["spec"]["containers"],
    }
    for name, containers in pods.items():
        for container in containers:
            assert re.fullmatch(r"[1-9]\d*[MG]i", container.get("resources", {}).get("limits", {}).get("memory", "")), (
                name
            )


def test_what_kubernetes_adds_to_the_image_is_installed_by_its_hashes_and_fits_it() -> None:
    [command] = re.findall(r"^RUN pip (.*?)(?<!\\)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    assert {"--require-hashes", "--no-deps", "--requirement"} <= set(command.split())
    assert "==" not in command
    lock, image = (path.read_text() for path in (FOLDER / "requirements.lock", PROJECT / "requirements.lock"))
    pins, there = (dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)) for text in (lock, image))
    assert pins["dagster-k8s"] == there["dagster-postgres"], "Dagster's packages are released together"
    assert not pins.keys() & there.keys()
    assert "://" not in lock
    for pin in re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin


def test_renovate_watches_every_file_that_pins_something() -> None:
    watching = json.loads((PROJECT / "renovate.json").read_text())
    assert {"dockerfile", "docker-compose", "pip_requirements"} <= set(watching["enabledManagers"])
    [pattern] = watching["pip_requirements"]["managerFilePatterns"]
    assert re.search(pattern.strip("/"), "deploy/kubernetes/requirements.lock")


def test_secrets_are_files_and_everything_else_is_in_the_config_map(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, _, job, web, _ = yaml.safe_load_all((FOLDER / "myi.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    [migrate] = pod["containers"]
    [deployed] = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    assert migrate["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    assert deployed["envConfigMaps"] == launcher["envConfigMaps"] == [{"name": settings["metadata"]["name"]}]
    for volumes, mounts in ((pod["volumes"], migrate["volumeMounts"]), (deployed["volumes"], deployed["volumeMounts"])):
        assert {"name": "secrets", "secret": {"secretName": "myi", "defaultMode": 0o440}} in volumes
        assert {"name": "secrets", "mountPath": SECRETS, "readOnly": True} in mounts

    web_pod = web["spec"]["template"]["spec"]
    [served] = web_pod["containers"]
    assert served["envFrom"] == migrate["envFrom"]
    assert {"name": "secrets", "mountPath": SECRETS, "readOnly": True} in served["volumeMounts"]
    own = {one["name"]: one["value"] for one in served["env"]}

    contents = {"database-url": "postgresql://myi:geheim@host/myi", "redis-url": "redis://host", "encryption-key": "k"}
    contents |= {"web-password": "geheim"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    for name, value in {**settings["data"], **own}.items():
        monkeypatch.setenv(name, value.replace(SECRETS, str(tmp_path)))
    loaded = load_settings()
    found = [loaded.database_url, loaded.redis_url, loaded.encryption_key, loaded.web_password]
    assert found == [*contents.values()]
    assert str(loaded.web_host) == "0.0.0.0"
    assert set(contents) == set(
        re.findall(r"^\| `([a-z]+-[a-z]+)` \|", (PROJECT / "docs/operations/deploying.md").read_text(), re.MULTILINE)
    )
