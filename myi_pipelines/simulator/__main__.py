"""`python -m myi_pipelines.simulator`: serve a simulated Spotify until interrupted."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from datetime import UTC, date, datetime

from myi_pipelines.simulator.server import NotStarted, listening_socket, make_server
from myi_pipelines.simulator.simulated_spotify import Mode, Setup, Spotify
from myi_pipelines.simulator.simulated_users import MOST


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parser() -> argparse.ArgumentParser:
    defaults = Setup()
    parser = argparse.ArgumentParser("python -m myi_pipelines.simulator", description="Serve a simulated Spotify.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one (default)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="decides who the users are and what they play")
    parser.add_argument("--users", type=int, choices=range(1, MOST + 1), default=defaults.users, metavar="N")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=defaults.mode, help="what the app is granted")
    parser.add_argument("--speed", type=float, default=60.0, help="simulated seconds a second (default 60)")
    parser.add_argument("--never-ahead", action="store_true", help="run at real speed once it reaches the real time")
    parser.add_argument("--start", type=_time, help="ISO time that the clock starts at (default: now)")
    parser.add_argument("--listening-since", type=_time, help="ISO time of the first play (default: long ago)")
    parser.add_argument("--history-seed", type=int, default=defaults.history_seed, help="of the sample history")
    parser.add_argument("--history-end", type=date.fromisoformat, default=defaults.history_end, metavar="YYYY-MM-DD")
    parser.add_argument("--history-years", type=int, default=defaults.history_years)
    parser.add_argument("--token-lifetime", type=int, default=defaults.token_lifetime, help="seconds (default 3600)")
    parser.add_argument("--client-id", help="the only one that is accepted (default: any)")
    return parser


def main() -> int:
    given = vars(_parser().parse_args())
    host, port = given.pop("host"), given.pop("port")
    try:
        accepting = listening_socket(host, port)
    except NotStarted as error:
        print(f"{error}; give another --port", file=sys.stderr)
        return 1
    url = f"http://{host}:{accepting.getsockname()[1]}"
    with suppress(KeyboardInterrupt):
        make_server(Spotify(Setup(**given)), on_start=lambda: print(url, flush=True)).run([accepting])
    return 0


if __name__ == "__main__":
    sys.exit(main())
