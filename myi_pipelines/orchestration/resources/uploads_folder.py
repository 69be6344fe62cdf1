"""The uploads folder for Dagster: where it is, when a file in it has settled, how much a ZIP may hold."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from pydantic import Field

from myi_pipelines.ingest.uploads.waiting_files import is_inside
from myi_pipelines.orchestration.resources.fixed_resource import FixedResource
from myi_pipelines.settings import load_settings
from myi_pipelines.sources.exports import Limits, printable_name


class UploadsFolder(FixedResource):
    """The folder into which users put their exports: ``<folder>/<user>/``."""

    folder: str | None = Field(default=None, description="Path of the folder; the settings' own when empty.")
    settle_seconds: float = Field(default=5.0, description="How long a file must be unchanged before it is read.", ge=0)

    takes_any_file: bool = Field(
        default=False, description="Whether a run's files may lie outside of the folder: only for a user at a terminal."
    )

    @property
    def path(self) -> Path:
        """The folder, which need not exist."""
        return Path(self.folder) if self.folder else load_settings().uploads

    def require_inside(self, files: Sequence[str]) -> None:
        """Raises ``dagster.Failure`` when a run is to land a file that lies in no user's folder."""
        outside = [] if self.takes_any_file else [file for file in files if not is_inside(self.path, Path(file))]
        if outside:
            raise dg.Failure(
                f"{printable_name(outside[0])}: lies outside of the uploads folder, {self.path}: put it into "
                f"{self.path}/<user>/, or import it with `myi import`; nothing was imported",
                allow_retries=False,
            )

    @property
    def limits(self) -> Limits:
        """What a ZIP may hold before it counts as a bomb."""
        settings = load_settings()
        return Limits(
            max_members=settings.zip_max_members, max_ratio=settings.zip_max_ratio, max_bytes=settings.zip_max_bytes
        )
