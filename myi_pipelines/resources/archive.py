"""The archive for Dagster: where months that leave go to, and how those that are needed come back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from myi_pipelines.settings import load_settings
from myi_pipelines.warehouse.database import Connection
from myi_pipelines.warehouse.slices import Slice

if TYPE_CHECKING:
    from myi_pipelines.lifecycle.archive_files import Store


class Archive(dg.ConfigurableResource[None]):
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
        from myi_pipelines.lifecycle.archive_files import Store
        from myi_pipelines.lifecycle.archiving import store_of

        return Store(self.url) if self.url else store_of(load_settings())

    def bring_back(self, conn: Connection, slices: Sequence[Slice]) -> int:
        """Bring archived slices back before work on them is done; those that are not archived are passed over."""
        if not slices:
            return 0
        from myi_pipelines.lifecycle.archiving import bring_back

        return bring_back(self.store(), conn, slices)
