"""An HTTP server that takes notifications as apprise's ``json://`` service sends them, and keeps them. No expectations
here."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What arrived, and whether to refuse what arrives."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.messages: list[dict[str, Any]] = []
        self.logins: list[str] = []
        """The Authorization headers that came with them."""
        self.status = 200

    def url(self, token: str = "a-secret-token") -> str:
        """As MYI_NOTIFY_URLS takes it."""
        return f"json://127.0.0.1:{self.port}/{token}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.messages]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if login := self.headers["Authorization"]:
                receiver.logins.append(login)
            if receiver.status == 200:
                receiver.messages.append(json.loads(body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
