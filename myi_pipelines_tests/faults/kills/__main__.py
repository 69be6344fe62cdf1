"""`python -m myi_pipelines_tests.faults.kills --kills 300 --seed 1`: kills every operation as often as any other, and
prints a table, also when Ctrl-C ends it. With --operation and --number it repeats some of these kills alone."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

from myi_pipelines_tests.faults.kills.harness import Harness, Killed
from myi_pipelines_tests.faults.kills.operations import OPERATIONS, Operation
from myi_pipelines_tests.support import shared_servers
from myi_pipelines_tests.support.environment import clean_environment

COLUMNS = "operation", "kills", "cut", "points", "lost", "doubled", "wrong", "rubbish"


TRIES_A_KILL, MORE_TRIES = 3, 12
"""So often an operation is tried, at most, for its part of the kills: every fourth try cuts a connection, and some come
when all is done."""


def killing(kill: Callable[[Operation, int], Killed], operations: Sequence[Operation], kills: int) -> Iterator[Killed]:
    """Kill operations in turn until there have been so many kills in all, of each about as many. What had ended before,
    and what was cut off instead, comes on top."""
    parts = {one.name: (kills + place) // len(operations) for place, one in enumerate(reversed(operations))}
    left = dict(parts)
    for number in count():
        due = [one for one in operations if left[one.name] and number < TRIES_A_KILL * parts[one.name] + MORE_TRIES]
        if not due:
            return
        for operation in due:
            one = kill(operation, number)
            left[operation.name] -= one.was_killed
            yield one


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
        counts["kills"] = sum(one.was_killed for one in ones)
        counts["points"] = len({one.step for one in hit})
        total += counts
        lines.append((name, *(str(counts[column]) for column in COLUMNS[1:])))
    return [*lines, ("all", *(str(total[column]) for column in COLUMNS[1:]))]


def repeated(one: Killed, seed: int) -> str:
    """What repeats a kill, and where it came."""
    return f'--seed {seed} --operation "{one.operation}" --number {one.number} ({one.place})'


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m myi_pipelines_tests.faults.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="How many in all; cut connections come on top.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operation", choices=[one.name for one in OPERATIONS], help="Only this one.")
    parser.add_argument("--number", type=int, nargs="+", help="Only these tries of each operation.")
    chosen = parser.parse_args(arguments)
    clean_environment()
    shared_servers.end_dead_sessions()
    killed: list[Killed] = []
    answers = missing = 0
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
            tries = killing(harness.kill, operations, chosen.kills)
            if chosen.number:
                tries = (harness.kill(operation, number) for number in chosen.number for operation in operations)
            for one in tries:
                killed.append(one)
                answers = harness.answers
                print(f"{one.operation} {one.number}: step {one.step}, {one.place}", file=sys.stderr, flush=True)
                for fault in one.faults:
                    print(f"{fault.kind}: {repeated(one, chosen.seed)}: {fault.what}", flush=True)
            missing = 0 if chosen.number else chosen.kills - sum(one.was_killed for one in killed)
    except KeyboardInterrupt:
        pass
    finally:
        shared_servers.end_session(folder)
    lines = table(killed)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *numbers in lines:
        print(name.ljust(widths[0]), *(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)))
    print(f"{answers:,} answers to readers beside them")
    if missing:
        print(f"{missing:,} of {chosen.kills:,} kills are missing: operations end before they can be killed so often")
    return int(bool(missing) or any(one.faults for one in killed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
