"""The faults that the simulator can produce: rules that select requests and decide their replies. `gateway` sends the
replies, or ends the connections."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from random import Random
from typing import Any, NamedTuple

from starlette.responses import Response

from myi_pipelines.simulator.clock import Clock


class Kind(StrEnum):
    """The faults. What details each takes is in DETAILS."""

    RATE_LIMITED = "rate_limited"
    RATE_LIMITED_TEXT = "rate_limited_text"
    QUOTA_EXCEEDED = "quota_exceeded"
    WINDOW = "window"
    QUOTA = "quota"
    FORBIDDEN_PREMIUM = "forbidden_premium"
    FORBIDDEN_NOT_REGISTERED = "forbidden_not_registered"
    FORBIDDEN_SCOPE = "forbidden_scope"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    SERVER_ERROR = "server_error"
    HANG = "hang"
    TRICKLE = "trickle"
    TRICKLE_HEADERS = "trickle_headers"
    DROP = "drop"
    REPLY_LOST = "reply_lost"
    TRUNCATED = "truncated"
    HTML_200 = "html_200"
    JSON_200 = "json_200"
    EMPTY_204 = "empty_204"
    ERROR_BODY = "error_body"
    GARBAGE_JSON = "garbage_json"
    OUT_OF_ORDER = "out_of_order"
    OMIT_ACCOUNT_ID = "omit_account_id"
    INVALID_GRANT = "invalid_grant"
    INVALID_CLIENT = "invalid_client"
    OMIT_REFRESH_TOKEN = "omit_refresh_token"
    EMPTY_REFRESH_TOKEN = "empty_refresh_token"
    OMIT_SCOPE = "omit_scope"
    ROTATE_REFRESH_TOKEN = "rotate_refresh_token"


COMMON = frozenset({"skip", "share", "query"})
RETRY = frozenset({"retry_after"})
LIMIT = frozenset({"calls", "clock", "retry_after"})
DETAILS: dict[Kind, frozenset[str]] = {
    Kind.RATE_LIMITED: RETRY,
    Kind.RATE_LIMITED_TEXT: RETRY,
    Kind.QUOTA_EXCEEDED: RETRY,
    Kind.WINDOW: LIMIT,
    Kind.QUOTA: LIMIT,
    Kind.SERVER_ERROR: frozenset({"status", "retry_after"}),
    Kind.HANG: frozenset({"seconds"}),
    Kind.TRICKLE: frozenset({"seconds"}),
    Kind.TRICKLE_HEADERS: frozenset({"seconds"}),
    Kind.JSON_200: frozenset({"body"}),
    Kind.ERROR_BODY: frozenset({"status", "body"}),
    Kind.GARBAGE_JSON: frozenset({"status"}),
    Kind.INVALID_GRANT: frozenset({"description"}),
}
TOKEN_KINDS = frozenset(
    {
        Kind.INVALID_GRANT, Kind.INVALID_CLIENT, Kind.OMIT_REFRESH_TOKEN, Kind.EMPTY_REFRESH_TOKEN, Kind.OMIT_SCOPE,
        Kind.ROTATE_REFRESH_TOKEN,
    }
)  # fmt: skip
LIMITS = {Kind.WINDOW: 30.0, Kind.QUOTA: 24 * 3600.0}  # seconds
RESHAPING = frozenset(
    {
        Kind.OUT_OF_ORDER, Kind.OMIT_ACCOUNT_ID, Kind.OMIT_REFRESH_TOKEN, Kind.EMPTY_REFRESH_TOKEN, Kind.OMIT_SCOPE,
        Kind.ROTATE_REFRESH_TOKEN,
    }
)  # fmt: skip
"""Faults with which the request is served, but in another shape."""
SEVERING = frozenset({Kind.DROP, Kind.REPLY_LOST, Kind.TRUNCATED})
"""Faults that end the connection."""
REASONS = {"revoked": "Refresh token revoked", "expired": "Refresh token expired", "invalid": "Invalid refresh token"}
GATEWAY_PAGE = """<!DOCTYPE html>
<html><head><title>{status}</title></head>
<body><center><h1>{status} upstream connect error</h1></center><hr><center>envoy</center></body></html>
"""


class BadFault(Exception):
    """A rule that cannot be applied; the message says why."""


class Asked(NamedTuple):
    """What rules look at."""

    path: str
    query: str
    user: str | None
    group: str


@dataclass
class Rule:
    number: int
    kind: Kind
    path_prefix: str
    times: int | None
    user: str | None
    skip: int = 0
    share: float = 1.0
    query: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    served: dict[str, deque[float]] = field(default_factory=dict)
    """For limits: when calls were served, by endpoint group (a quota) or in total (a window)."""

    def matches(self, asked: Asked) -> bool:
        return (
            self.times != 0
            and asked.path.startswith(self.path_prefix)
            and self.query in asked.query
            and self.user in (None, asked.user)
        )

    def bucket(self, group: str) -> deque[float]:
        return self.served.setdefault(group if self.kind is Kind.QUOTA else "", deque())


class Verdict(NamedTuple):
    """What happens to a request: ``fault`` replaces the reply or ends the connection, ``reshaping`` changes it."""

    fault: Rule | None
    retry_after: int | None
    reshaping: frozenset[Kind]


class Faults:
    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.rules: list[Rule] = []
        self._rng = Random(f"{seed} faults")
        self._number = 0

    def add(
        self, kind: str, *, path_prefix: str | None, times: int | None, user: str | None, details: dict[str, Any]
    ) -> int:
        """The rule's number. Raises BadFault."""
        try:
            known = Kind(kind)
        except ValueError:
            raise BadFault(f"no fault {kind!r}; there are {', '.join(Kind)}") from None
        allowed = DETAILS.get(known, frozenset()) | COMMON
        if unknown := sorted(set(details) - allowed):
            raise BadFault(f"fault {kind!r} has no detail {', '.join(unknown)}; it takes {', '.join(sorted(allowed))}")
        if known in LIMITS and not isinstance(details.get("calls"), int):
            raise BadFault(f"fault {kind!r} needs calls=…, a whole number")
        if path_prefix is None:
            path_prefix = "/api/token" if known in TOKEN_KINDS else _default_prefix(known)
        self._number += 1
        own = {name: value for name, value in details.items() if name not in COMMON}
        self.rules.append(
            Rule(
                self._number, known, path_prefix, None if known in LIMITS else times, user,
                int(details.get("skip", 0)), float(details.get("share", 1.0)), str(details.get("query", "")), own,
            )
        )  # fmt: skip
        return self._number

    def clear(self, number: int | None = None) -> None:
        self.rules = [rule for rule in self.rules if number is not None and rule.number != number]

    def evaluate(self, asked: Asked) -> Verdict:
        """Decide what happens to a request, and count it against the rules that match it."""
        reshaping = set[Kind]()
        limits = [rule for rule in self.rules if rule.kind in LIMITS and rule.matches(asked)]
        for rule in self.rules:
            if rule.kind in LIMITS or not rule.matches(asked):
                continue
            if rule.kind not in RESHAPING:
                if self._applies(rule):
                    return Verdict(rule, rule.details.get("retry_after"), frozenset(reshaping))
            elif self._applies(rule):
                reshaping.add(rule.kind)
        for rule in limits:
            if (wait := self._over(rule, asked.group)) is not None:
                return Verdict(rule, rule.details.get("retry_after", wait), frozenset(reshaping))
        for rule in limits:
            rule.bucket(asked.group).append(self._time(rule))
        return Verdict(None, None, frozenset(reshaping))

    def _applies(self, rule: Rule) -> bool:
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.share < 1.0 and self._rng.random() >= rule.share:
            return False
        if rule.times is not None:
            rule.times -= 1
        return True

    def _time(self, rule: Rule) -> float:
        return time.time() if rule.details.get("clock") == "real" else self.clock.now().timestamp()

    def _over(self, rule: Rule, group: str) -> int | None:
        """Whole seconds until the next call of a group is served, or None if it is served now."""
        calls, now, span = rule.bucket(group), self._time(rule), LIMITS[rule.kind]
        while calls and calls[0] <= now - span:
            calls.popleft()
        if len(calls) < rule.details["calls"]:
            return None
        return max(1, ceil(calls[0] + span - now)) if calls else ceil(span)


def _default_prefix(kind: Kind) -> str:
    if kind in LIMITS:
        return "/v1"
    return "/v1/me" if kind is Kind.OMIT_ACCOUNT_ID else "/v1/me/player"


FORBIDDEN_MESSAGES = {
    Kind.FORBIDDEN_SCOPE: "Insufficient client scope",
    Kind.FORBIDDEN: "Forbidden",
    Kind.FORBIDDEN_PREMIUM: "Active premium subscription required for the owner of the app.",
    Kind.FORBIDDEN_NOT_REGISTERED: (
        "Check settings on developer.spotify.com/dashboard, the user may not be registered."
    ),
}


def reply(rule: Rule, retry_after: int | None) -> Response:
    """The reply of a rule, in place of the endpoint's own."""
    kind, details = rule.kind, rule.details
    waiting = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if kind in FORBIDDEN_MESSAGES:
        return api_error(403, FORBIDDEN_MESSAGES[kind])
    match kind:
        case Kind.RATE_LIMITED | Kind.WINDOW:
            return api_error(429, "API rate limit exceeded", headers=waiting)
        case Kind.RATE_LIMITED_TEXT:
            return Response("Too many requests", 429, waiting, "text/plain; charset=utf-8")
        case Kind.QUOTA_EXCEEDED | Kind.QUOTA:
            return api_error(429, "Too many requests", reason="QUOTA_EXCEEDED", headers=waiting)
        case Kind.UNAUTHORIZED:
            return unauthorized("The access token expired")
        case Kind.SERVER_ERROR:
            status = int(details.get("status", 503))
            return Response(GATEWAY_PAGE.format(status=status), status, waiting, "text/html; charset=utf-8")
        case Kind.HTML_200:
            return Response("<!DOCTYPE html><html><body>Welcome to this Wi-Fi</body></html>", 200, None, "text/html")
        case Kind.JSON_200:
            return json_response(details.get("body", {}))
        case Kind.EMPTY_204:
            return Response(status_code=204)
        case Kind.ERROR_BODY:
            return json_response(details.get("body", "upstream said no"), int(details.get("status", 500)))
        case Kind.GARBAGE_JSON:
            return Response('{"items": [{"track": ', int(details.get("status", 200)), None, JSON_TYPE)
        case Kind.INVALID_GRANT:
            why = str(details.get("description", "revoked"))
            return token_error("invalid_grant", REASONS.get(why, why))
        case Kind.INVALID_CLIENT:
            return token_error("invalid_client", "Invalid client")
    raise AssertionError(f"{kind} has no reply of its own")


JSON_TYPE = "application/json; charset=utf-8"


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, headers, JSON_TYPE)


def api_error(
    status: int, message: str, *, reason: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """An error as the Web API writes it."""
    error: dict[str, Any] = {"status": status, "message": message}
    if reason is not None:
        error["reason"] = reason
    return json_response({"error": error}, status, headers)


def unauthorized(message: str) -> Response:
    challenge = f'Bearer realm="spotify", error="invalid_token", error_description="{message}"'
    return api_error(401, message, headers={"WWW-Authenticate": challenge})


def token_error(error: str, description: str, status: int = 400) -> Response:
    """An error as the accounts service writes it."""
    return json_response({"error": error, "error_description": description}, status)
