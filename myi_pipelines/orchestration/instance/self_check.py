"""Whether Dagster works under these settings, for `myi doctor`: its instance, and the definitions. Each function raises
what Dagster raises when it does not."""

from typing import TYPE_CHECKING, NamedTuple

from myi_pipelines.orchestration.instance.local_instance import local_instance
from myi_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import Definitions

DRIVER = "postgresql+psycopg2"
"""What SQLAlchemy must use: dagster-postgres knows no other."""


class InstanceState(NamedTuple):
    """What was found of the instance."""

    runs: int
    driver: str

    @property
    def is_good(self) -> bool:
        """Whether the storage uses the driver that dagster-postgres needs."""
        return self.driver == DRIVER


def open_and_count_runs(settings: Settings) -> InstanceState:
    """Open the instance and read from its storage."""
    with local_instance(settings) as instance:
        driver = getattr(instance.run_storage, "postgres_url", "").partition("://")[0]
        return InstanceState(instance.get_runs_count(), driver)


def validate_definitions(definitions: "Definitions") -> int:
    """Validate the definitions; how many assets they have."""
    from dagster import Definitions

    Definitions.validate_loadable(definitions)
    return len(list(definitions.resolve_all_asset_keys()))
