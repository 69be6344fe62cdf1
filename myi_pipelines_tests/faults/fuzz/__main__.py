"""`python -m myi_pipelines_tests.faults.fuzz --inputs 5000 --seed 1`: imports so many damaged files, and prints what
came of them. With --number it repeats one alone."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from myi_pipelines_tests.faults.fuzz.fuzzer import Fuzzer
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.environment import clean_environment
from myi_pipelines_tests.support.warehouse_harness import open_warehouse


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m myi_pipelines_tests.faults.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, help="Only this input.")
    chosen = parser.parse_args(arguments)
    clean_environment()
    shared_servers.end_dead_sessions()
    folder = shared_servers.session_folder()
    try:
        with (
            closing(shared_servers.session_servers(folder)) as servers,
            tempfile.TemporaryDirectory(dir=folder) as work,
        ):
            servers.prepare()
            with servers.database("fuzz") as url, open_warehouse(url) as warehouse:
                numbers = range(chosen.inputs) if chosen.number is None else [chosen.number]
                done = Fuzzer(warehouse, Path(work), chosen.seed).run(numbers)
    finally:
        shared_servers.end_session(folder)
    for number, what, kinds in done.faults:
        which = "afterwards" if number < 0 else f"--seed {chosen.seed} --number {number}"
        print(f"{which} ({', '.join(kinds)}): {what}")
    for kind, count in sorted(done.kinds.items()):
        print(f"{kind:<20} {count:>6,}")
    print(
        f"{done.landed:,} landed with {done.rows:,} rows, {done.refused:,} refused, {len(done.faults):,} faults;"
        f" the slowest took {done.slowest:.1f} s"
    )
    return int(bool(done.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
