"""MYI: a self-hosted Spotify data warehouse run by Dagster. Open ``definitions.py`` first.

The package itself is what notebooks import: ``myi_pipelines.connect()``, see ``serving/notebooks``.
"""

__all__ = ["Listening", "NotExact", "connect"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from myi_pipelines.serving.notebooks import Listening, NotExact, connect
else:

    def __getattr__(name: str) -> object:
        """Load what notebooks use when it is first asked for: the import of the package costs nothing (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module("myi_pipelines.serving.notebooks"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
