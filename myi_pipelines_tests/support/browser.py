"""Chromium without a window, for tests of what other pages in a user's browser can do. No expectations here."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
NONE_INSTALLED = f"no browser is installed: none of {', '.join(PROGRAMS)}"
SECONDS = 60


def installed() -> str | None:
    """The path of a browser; None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def open_page(url: str, profile: Path, *, foreign: Sequence[str] = (), milliseconds: int = 5_000) -> str:
    """Open a page, let its scripts run for so long by its own clock, and return its document as they left it.

    Names in ``foreign`` lead to this machine, and no other name to anywhere.
    """
    browser = installed()
    assert browser, NONE_INSTALLED
    rules = [f"MAP {name} 127.0.0.1" for name in foreign] + ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"]
    switches = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"]
    switches += ["disable-background-networking", "disable-component-update", "disable-dev-shm-usage", "dump-dom"]
    switches += [
        f"user-data-dir={profile}",
        f"host-resolver-rules={', '.join(rules)}",
        f"virtual-time-budget={milliseconds}",
    ]
    return subprocess.run(
        [browser, *(f"--{switch}" for switch in switches), url],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    ).stdout
