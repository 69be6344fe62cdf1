"""`python -m myi_pipelines_tests.faults.kills --kills 300 --seed 1`: kills every operation as often as any other, and
prints a table, also when Ctrl-C ends it. With --operation and --number it repeats some of these kills alone."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from myi_pipelines_tests.faults.kills.harness import Harness, Killed
from myi_pipelines_tests.faults.kills.operations import OPERATIONS
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.environment import clean_environment

COLUMNS = "operation", "kills", "cut", "points", "lost", "doubled", "wrong", "rubbish"


def table(killed: Iterable[Killed]) -> list[tuple[str, ...]]:
    """A line for each operation: how often it was killed or cut off, at how many steps, and how many kills had a fault
    of each kind. What had ended before it could be killed does not count."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    of_operation: dict[str, list[Killed]] = {}
    for one in killed:
        of_operation.setdefault(one.operation, []).append(one)
    total = Counter[str]()
    for name, ones in of_operation.items():
        hit = [one for one in ones if one.was_hit]
        counts = Counter(fault for one in ones for fault in {fault.kind for fault in one.faults})
        counts["cut"] = sum(one.is_cut for one in hit)
        counts["kills"] = len(hit) - counts["cut"]
        counts["points"] = len({one.step for one in hit})
        total += counts
        lines.append((name, *(str(counts[column]) for column in COLUMNS[1:])))
    return [*lines, ("all", *(str(total[column]) for column in COLUMNS[1:]))]


def repeated(one: Killed, seed: int) -> str:
    """What repeats a kill, and where it came."""
    return f'--seed {seed} --operation "{one.operation}" --number {one.number} ({one.place})'


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m myi_pipelines_tests.faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="How many in all.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operation", choices=[one.name for one in OPERATIONS], help="Only this one.")
    parser.add_argument("--number", type=int, nargs="+", help="Only these kills of each operation.")
    chosen = parser.parse_args(arguments)
    clean_environment()
    shared_servers.end_dead_sessions()
    each = -(-chosen.kills // len(OPERATIONS))
    killed: list[Killed] = []
    answers = 0
    folder = shared_servers.session_folder()
    try:
        with (
            closing(shared_servers.session_servers(folder)) as servers,
            tempfile.TemporaryDirectory(dir=folder) as work,
            ExitStack() as stack,
        ):
            servers.prepare()
            harness = Harness(servers, Path(work), chosen.seed, stack)
            operations = [one for one in OPERATIONS if chosen.operation in (None, one.name)]
            for number in chosen.number or range(each):
                for operation in operations:
                    one = harness.kill(operation, number)
                    killed.append(one)
                    answers = harness.answers
                    print(f"{one.operation} {one.number}: step {one.step}, {one.place}", file=sys.stderr, flush=True)
                    for fault in one.faults:
                        print(f"{fault.kind}: {repeated(one, chosen.seed)}: {fault.what}", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        shared_servers.end_session(folder)
    lines = table(killed)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *numbers in lines:
        print(name.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)))
    print(f"{answers:,} answers to readers beside them")
    return int(any(one.faults for one in killed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
