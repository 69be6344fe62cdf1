"""The archive for Dagster: where archived months are stored, and how they are restored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from myi_pipelines.orchestration.resources.fixed_resource import FixedResource
from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.user_months import UserMonth

if TYPE_CHECKING:
    from myi_pipelines.operations.parquet_store import Store


class Archive(FixedResource):
    """A folder or a URL that fsspec knows. Nothing is opened, nor any library loaded, before it is needed."""

    url: str | None = Field(default=None, description="Path or URL; the settings' own when empty.")
    keep_months: int | None = Field(
        default=None, description="Whole months before this one that stay, 0: all; the settings' own when empty."
    )

    @property
    def retention_months(self) -> int:
        """Whole months before the current one that stay; 0: all of them."""
        return load_settings().retention_months if self.keep_months is None else self.keep_months

    def store(self) -> "Store":
        """The place of the files. Raises ArchiveUnreachable."""
        from myi_pipelines.operations.archiving import store_of
        from myi_pipelines.operations.parquet_store import Store

        return Store(self.url) if self.url else store_of(load_settings())

    def restore_archived(self, conn: Connection, user_months: Sequence[UserMonth]) -> int:
        """Restore archived user-months before work on them begins; those that are not archived are ignored."""
        if not user_months:
            return 0
        from myi_pipelines.operations.archiving import restore_archived

        return restore_archived(self.store(), conn, user_months)
