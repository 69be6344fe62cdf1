"""Finds the programs that wheels carry, without importing the wheels' Python code."""

from importlib.util import find_spec
from pathlib import Path

from myi_pipelines.errors import ConfigurationError


class MissingPackage(ConfigurationError):
    """A package with a server in it is not installed."""


def package_folder(name: str) -> Path:
    """The folder of an installed package; raises MissingPackage."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(f"the package {name} is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0])
