"""The environment of the tests: the same on every machine, whatever the caller has exported."""

import os
import sys
import time

PREFIXES = ("MYI_", "DAGSTER_", "PG", "LC_", "REDIS")
NAMES = (
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONWARNINGS",
    "PYTHONPATH",
    "TERM",
)
KEPT = ("MYI_CRASH_", "MYI_HYPOTHESIS_", "MYI_SOAK_", "MYI_SCREENSHOTS")
"""Settings of the tests themselves: how many kills, how many simulated days."""


def clean_environment() -> None:
    """Remove what changes how programs look, where they connect, which warnings they raise and how fast they start."""
    for name in list(os.environ):
        if name.startswith(KEPT):
            continue
        if name in NAMES or name.startswith(PREFIXES):
            del os.environ[name]
    os.environ |= {"LANG": "C.UTF-8", "TZ": "UTC"}
    time.tzset()
    sys.dont_write_bytecode = False
