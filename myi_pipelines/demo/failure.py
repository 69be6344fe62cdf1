"""The error that ends a demo."""

from myi_pipelines.errors import FailedError


class DemoFailed(FailedError):
    """The demo did not reach its end; the message says why, or where to look."""
