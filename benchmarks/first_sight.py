"""What a person sees first of a page, in Chromium on a slow processor: its weight, its largest part, its movement."""

from __future__ import annotations

import shutil
from typing import Any, NamedTuple

SLOWER = 4
MOST_KB, LCP_MS, MOST_CLS = 150.0, 1_000.0, 0.05
"""The most that everything of the overview may weigh over the wire, in thousands of bytes; when its largest part may be
painted, at the latest; how much of it may move after it was painted."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_OBSERVE = """
() => new Promise(done => {
    let paint = 0, shift = 0;
    new PerformanceObserver(list => { for (const one of list.getEntries()) paint = one.startTime; })
        .observe({type: 'largest-contentful-paint', buffered: true});
    new PerformanceObserver(list => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) shift += one.value;
    }).observe({type: 'layout-shift', buffered: true});
    setTimeout(() => done([paint, shift]), 1500);
})
"""


class Sight(NamedTuple):
    """A page, loaded into an empty browser."""

    kilobytes: float
    """Over the wire, with styles, scripts and pictures."""
    lcp_ms: float
    """When its largest part was painted, after it was asked for."""
    cls: float
    """The sum of its movements."""
    documents: int
    """How many pages were asked for."""


def browser() -> str | None:
    """The program of a browser, if one is installed."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def look(program: str, address: str, cookie: tuple[str, str], times: int = 5) -> list[Sight]:
    """Look at a page some times, each in a browser that has nothing of it yet."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            return [_look(running, address, cookie) for _ in range(times)]
        finally:
            running.close()


def _look(running: Any, address: str, cookie: tuple[str, str]) -> Sight:
    context = running.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": address}])
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    sizes: list[float] = []
    kinds: list[str] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    devtools.on("Network.requestWillBeSent", lambda event: kinds.append(event["type"]))
    devtools.send("Network.enable")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="load")
    lcp_ms, shifted = page.evaluate(_OBSERVE)
    context.close()
    return Sight(sum(sizes) / 1_000, lcp_ms, shifted, kinds.count("Document"))
