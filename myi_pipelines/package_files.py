"""Where the files lie that the package carries beside its Python: ``sql/`` and ``dagster.yaml``.

In the repository both are links to the top level, where people read and edit them. A wheel holds copies in their place.
"""

from importlib.resources import files
from pathlib import Path


def package_path(name: str) -> Path:
    """The path of a file or folder of the package, absolute and lasting: pip always unpacks a wheel."""
    return Path(str(files(__package__) / name))
