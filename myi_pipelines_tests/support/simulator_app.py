"""An app that calls the simulator with plain HTTP requests, for the simulator's own tests."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from myi_pipelines.simulator import Simulator
from myi_pipelines.simulator.authorizations import s256

CLIENT_ID = "app"
REDIRECT_URI = "http://127.0.0.1:3001/auth/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
SCOPES = "user-read-recently-played user-top-read"


def authorize_url(simulator: Simulator, **changes: str | None) -> str:
    """A correct authorization request with some changes; None leaves a parameter out."""
    query = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPES,
        "state": "a state",
        "code_challenge_method": "S256",
        "code_challenge": s256(VERIFIER),
    } | changes
    return f"{simulator.url}/authorize?{urlencode({name: value for name, value in query.items() if value is not None})}"


def returned(redirected_url: str) -> dict[str, str]:
    """The parameters that the browser brings back."""
    return {name: values[0] for name, values in parse_qs(urlsplit(redirected_url).query).items()}


def new_code(simulator: Simulator, user: str, **changes: str | None) -> str:
    return returned(simulator.control.approve(authorize_url(simulator, **changes), user))["code"]


def token(simulator: Simulator, **form: str) -> requests.Response:
    return requests.post(f"{simulator.url}/api/token", data={"client_id": CLIENT_ID, **form}, timeout=10)


def exchange(simulator: Simulator, code: str, **changes: str) -> requests.Response:
    form = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, **changes}
    return token(simulator, grant_type="authorization_code", **form)


def refresh(simulator: Simulator, refresh_token: str, **changes: str) -> requests.Response:
    return token(simulator, grant_type="refresh_token", refresh_token=refresh_token, **changes)


class Linked(NamedTuple):
    """A user's tokens, and calls made with them."""

    simulator: Simulator
    access: str
    refresh: str

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, timeout: float = 10
    ) -> requests.Response:
        url = path if path.startswith("http") else f"{self.simulator.url}{path}"
        headers = {"Authorization": f"Bearer {self.access}"}
        return requests.get(url, params=params, headers=headers, timeout=timeout)

    def json(self, path: str, **params: str | int) -> Any:
        reply = self.get(path, params)
        reply.raise_for_status()
        return reply.json()

    def recent(self, **params: str | int) -> Any:
        return self.json("/v1/me/player/recently-played", **params)


def link(simulator: Simulator, user: str, **changes: str | None) -> Linked:
    reply = exchange(simulator, new_code(simulator, user, **changes)).json()
    return Linked(simulator, reply["access_token"], reply["refresh_token"])
