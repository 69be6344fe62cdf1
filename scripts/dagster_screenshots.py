"""Takes the pictures of Dagster's pages in docs/images/ anew, of a stack that runs:

    .venv/bin/myi demo
    .venv/bin/python scripts/dagster_screenshots.py http://127.0.0.1:3000

It fails where a table is not green: a picture of the documentation shows a healthy warehouse.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize, sync_playwright

from myi_pipelines.orchestration.names import lineage_url

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE: ViewportSize = {"width": 1600, "height": 1000}
LINEAGE_SIZE: ViewportSize = {"width": 2000, "height": 2800}
"""So large that the whole graph is on the page, beside the navigation and a list of groups."""

LINEAGE_SCALE = 0.7
GRAPH: FloatRect = {"x": 790, "y": 440, "width": 940, "height": 2120}
MILLISECONDS = 60_000
NOT_HEALTHY = ("Unsynced", "Overdue", "Upstream data missing")


def main() -> None:
    """Open each page, look for what is not healthy, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of Dagster's UI")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where the pictures go")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_browser(), args=["--no-sandbox"])
        take_lineage(_page(browser, LINEAGE_SIZE, LINEAGE_SCALE), options.url, options.folder / "lineage.png")
        take_backfill(_page(browser, SIZE, 1), options.url, options.folder / "backfill.png")
        browser.close()


def take_lineage(page: Page, url: str, picture: Path) -> None:
    """All tables, and how they derive from one another."""
    page.goto(lineage_url(url))
    page.get_by_text("user_track_months", exact=True).first.wait_for()
    page.wait_for_timeout(10_000)  # The graph is laid out and moved into view.
    page.mouse.move(GRAPH["x"] + GRAPH["width"] / 2, GRAPH["y"] + GRAPH["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, 120)  # a step smaller
    page.keyboard.up("Control")
    page.wait_for_timeout(10_000)  # Each table's state comes after the graph.
    _require_healthy(page)
    page.screenshot(path=picture, clip=GRAPH)


def take_backfill(page: Page, url: str, picture: Path) -> None:
    """The dialog in which months of the events are chosen to be derived again."""
    page.goto(f"{url}/assets/listening_events")
    page.get_by_text("Row count").first.wait_for()
    page.get_by_text("Materialize…").first.click()
    page.get_by_text("Show all partitions").click()
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_text("Backfills all partitions in a single run").wait_for()
    page.wait_for_timeout(3_000)
    _require_healthy(page)
    page.get_by_role("dialog").first.screenshot(path=picture)


def _page(browser: Browser, size: ViewportSize, scale: float) -> Page:
    page = browser.new_page(viewport=size, device_scale_factor=scale)
    page.set_default_timeout(MILLISECONDS)
    return page


def _require_healthy(page: Page) -> None:
    shown = page.inner_text("body")
    if found := [word for word in NOT_HEALTHY if word in shown]:
        raise SystemExit(f"{page.url} shows {', '.join(found)}: no picture was taken")


def _browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit(f"no browser is installed: none of {', '.join(BROWSERS)}")
    return found


if __name__ == "__main__":
    main()
