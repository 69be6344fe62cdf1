"""A network that loses what a server answers: it stands between one connection and its PostgreSQL."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import conninfo


@contextmanager
def losing_the_answer_to_commit(url: str, *, after: bytes) -> Iterator[str]:
    """The URL of the same database, for one connection. Once a text went to the server, the next COMMIT does, too, but
    the connection breaks in place of its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = threading.Thread(target=_relay, args=(listener, url, after), daemon=True)
        relay.start()
        parameters = conninfo.conninfo_to_dict(url) | {"host": "127.0.0.1", "port": listener.getsockname()[1]}
        yield conninfo.make_conninfo("", **parameters)
    relay.join()


def _relay(listener: socket.socket, url: str, after: bytes) -> None:
    parameters = conninfo.conninfo_to_dict(url)
    client, _ = listener.accept()
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{parameters['host']}/.s.PGSQL.{parameters.get('port', 5432)}")
        commit_was_sent = threading.Event()
        answers = threading.Thread(target=_answers, args=(server, client, commit_was_sent))
        answers.start()
        is_armed = False
        while asked := client.recv(65_536):
            is_armed = is_armed or after in asked
            if is_armed and b"COMMIT" in asked:
                commit_was_sent.set()
            server.sendall(asked)
        server.shutdown(socket.SHUT_WR)
        answers.join()


def _answers(server: socket.socket, client: socket.socket, commit_was_sent: threading.Event) -> None:
    while answer := server.recv(65_536):
        if commit_was_sent.is_set():
            client.shutdown(socket.SHUT_RDWR)
            return
        client.sendall(answer)
