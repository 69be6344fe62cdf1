"""`python -m myi_pipelines_tests.support.unguarded_webserver`: Dagster's webserver as it would be without our guard, to
see that an attack works there."""

from dagster_webserver import cli

from myi_pipelines.orchestration.instance import webserver


def main() -> None:
    webserver.guard_dagster = lambda: None  # type: ignore[assignment]
    cli.cli(auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()
