"""A resource that is what the settings say, or the program that builds the definitions: never what a run's config says.

Dagster lets a run's config change every field of a resource. A run that anybody launched in the UI could so read files
from anywhere, or write to another database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster import InitResourceContext


class FixedResource(dg.ConfigurableResource[Any]):
    """Base of the project's resources: refuses a run whose config has something to say about resources."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Any]:
        """The resource as it was built. Raises ``dagster.Failure`` when the run's config would change one."""
        changed: Any = context.run.run_config.get("resources") if context.run else None
        if changed:
            raise dg.Failure(
                "a run's config cannot change resources, which are a matter of MYI's settings: remove its section "
                "`resources` and launch the run again",
                allow_retries=False,
            )
        yield self
