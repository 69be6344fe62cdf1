"""A process that polls the due users once. Run it with the URLs of a simulator, a database and a Redis, and a folder.

It prints the names of the users whom it polled.
"""

from __future__ import annotations

import sys
from pathlib import Path

from myi_pipelines.simulator import Control
from myi_pipelines_tests.support.polling_fixtures import open_harness


def main(simulator_url: str, database_url: str, redis_url: str, folder: str) -> None:
    with open_harness(Control(simulator_url), database_url, redis_url, Path(folder)) as harness:
        print("ready", flush=True)
        sys.stdin.readline()
        print(*[polled.user for polled in harness.poll() if polled.error is None], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
