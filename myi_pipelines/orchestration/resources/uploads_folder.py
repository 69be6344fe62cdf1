"""The uploads folder for Dagster: where it is, when a file in it has settled, how much a ZIP may hold."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from myi_pipelines.settings import load_settings
from myi_pipelines.sources.exports import Limits


class UploadsFolder(dg.ConfigurableResource[None]):
    """The folder into which users put their exports: ``<folder>/<user>/``."""

    folder: str | None = Field(default=None, description="Path of the folder; the settings' own when empty.")
    settle_seconds: float = Field(default=5.0, description="How long a file must be unchanged before it is read.", ge=0)

    @property
    def path(self) -> Path:
        """The folder, which need not exist."""
        return Path(self.folder) if self.folder else load_settings().uploads

    @property
    def limits(self) -> Limits:
        """What a ZIP may hold before it counts as a bomb."""
        settings = load_settings()
        return Limits(
            max_members=settings.zip_max_members, max_ratio=settings.zip_max_ratio, max_bytes=settings.zip_max_bytes
        )
