"""The browser of whoever sits at this machine."""

import webbrowser
from pathlib import Path

IN_A_TERMINAL = ("www-browser", "links", "elinks", "lynx", "w3m")


def open_browser(url: str) -> bool:
    """Open a window, never a browser that takes over this terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return Path(getattr(browser, "name", "")).name not in IN_A_TERMINAL and browser.open(url)
