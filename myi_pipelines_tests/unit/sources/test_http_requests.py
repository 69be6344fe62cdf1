"""All HTTP requests by ``requests`` are made by the transport's session, which reads no ``.netrc``. Needs no server."""

import ast
from collections.abc import Iterator

from myi_pipelines.settings import PROJECT

PACKAGE = PROJECT / "myi_pipelines"
TRANSPORT = PACKAGE / "sources/spotify/transport.py"
MUSICBRAINZ = PACKAGE / "sources/musicbrainz/client.py"
"""Its session has no environment at all: ``trust_env`` is False."""
EXEMPT = {TRANSPORT, MUSICBRAINZ, *(PACKAGE / "simulator").rglob("*.py")}
MAKE_REQUESTS = {"Session", "session", "request", "get", "options", "head", "post", "put", "patch", "delete"}
OTHER_CLIENTS = {"httpx", "aiohttp", "pycurl"}
"""They read a ``.netrc``, too."""


def made(module: ast.Module) -> Iterator[str]:
    """The ways by which a module makes requests of its own."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "requests" and node.attr in MAKE_REQUESTS and isinstance(node.ctx, ast.Load):
                yield f"line {node.lineno}: requests.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in ("requests", "requests.api", "requests.sessions") and names & MAKE_REQUESTS:
                yield f"line {node.lineno}: from {node.module}"
            if (node.module or "").partition(".")[0] in OTHER_CLIENTS:
                yield f"line {node.lineno}: from {node.module}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in OTHER_CLIENTS or (alias.name == "requests" and alias.asname):
                    yield f"line {node.lineno}: import {alias.name}"


def without_annotations(module: ast.Module) -> ast.Module:
    """The module with what only type checkers read taken out: ``requests.Session`` may be the type of a parameter."""
    for node in ast.walk(module):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return module


def test_only_the_transport_makes_requests() -> None:
    found = [
        f"{path.relative_to(PROJECT)}, {way}"
        for path in sorted({*PACKAGE.rglob("*.py")} - EXEMPT)
        for way in made(without_annotations(ast.parse(path.read_text())))
    ]
    assert not found, "use sources.spotify.transport.Session:\n" + "\n".join(found)


def test_musicbrainz_session_reads_nothing_of_the_environment() -> None:
    text = MUSICBRAINZ.read_text()
    assert text.count("requests.Session()") == text.count("session.trust_env = False") == 1
