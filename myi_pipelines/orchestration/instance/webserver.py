"""Dagster's webserver with our guard before it: the only way in which MYI starts one.

``myi-webserver`` takes the options of ``dagster-webserver``. Dagster's own server runs a mutation sent by GET, and asks
for neither ``Host`` nor ``Origin``, so that any page in the user's browser could launch runs. ``storages`` puts the
guard before a webserver that is started in another way, as by ``dagster dev``.
"""

from functools import cache
from typing import Any

from dagster_webserver import cli

from myi_pipelines.runtime.request_guard import RequestGuard
from myi_pipelines.settings import load_settings

APP_FACTORY = "create_app_from_workspace_process_context"
"""What Dagster's command calls for the application that it serves."""
POSTS_ONLY = ("/graphql",)


@cache
def guard_dagster() -> None:
    """Put the guard before what Dagster's command serves in this process, once.

    Raises SettingsError, and AttributeError when Dagster has no such function any more: then nothing is served.
    """
    make_app = getattr(cli, APP_FACTORY)
    hosts = load_settings().public_host_names

    def make_guarded_app(*arguments: Any, **options: Any) -> RequestGuard:
        return RequestGuard(make_app(*arguments, **options), hosts, posts_only=POSTS_ONLY)

    setattr(cli, APP_FACTORY, make_guarded_app)


def main() -> None:
    """The entry point of the ``myi-webserver`` script."""
    guard_dagster()
    cli.cli(auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main()
