"""Finds our own server processes, among others that may have been given the same pid, and ends them. Starts nothing."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil


def find(pid: int, name: str, folder: Path) -> psutil.Process | None:
    """The live process ``pid`` if it is a ``name`` server of ``folder``; None if it is another process or a zombie."""
    try:
        process = psutil.Process(pid)
        return process if _belongs(process, name, folder) else None
    except psutil.Error:
        return None


def find_all(name: str, folder: Path) -> list[psutil.Process]:
    """Every live ``name`` process of ``folder``, also the children of a server that was killed."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] and process.info["name"].startswith(name) and _belongs(process, name, folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _belongs(process: psutil.Process, name: str, folder: Path) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith(name):
        return False
    if str(folder) in process.cmdline():
        return True
    # Linux says " (deleted)" when the folder was removed under a running server.
    return process.cwd().removesuffix(" (deleted)") == str(folder)


def end(processes: Iterable[psutil.Process], *, grace: float) -> None:
    """Ask processes to end, and kill those that have not after ``grace`` seconds."""
    remaining = list(processes)
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        for process in remaining:
            try:
                ask(process)
            except psutil.Error:
                continue
        _, remaining = psutil.wait_procs(remaining, timeout=grace)
        if not remaining:
            return


def wait_until(done: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Call ``done`` again and again until it is true; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
