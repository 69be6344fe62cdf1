"""Who asks: the operator, a listener, a program with a token, or a stranger. Knows neither HTTP nor the database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from myi_pipelines.errors import InputError


class Right(StrEnum):
    """What a token allows whoever holds it. The values stand in the API and in the database."""

    READ_STATS = "stats:read"
    """Statistics, lists and item pages of the token's listener."""
    READ_HISTORY = "history:read"
    """Single plays of the listener, and when and how they were heard."""
    WRITE_LISTENS = "listens:write"
    """Submit plays for the listener, and upload exports."""
    WRITE_CORRECTIONS = "corrections:write"
    """Hide plays of the listener and show them again, and undo imports."""
    READ_EMBED = "embed:read"
    """Cards, badges and widgets of the listener: totals and top lists. The only right that may stand in a URL."""
    READ_METRICS = "metrics:read"
    """The server's own figures, without data of any listener. Only the operator's tokens have it."""


OF_LISTENERS = frozenset(Right) - {Right.READ_METRICS}
"""What a listener's token may allow."""
OF_OPERATOR = frozenset({Right.READ_METRICS})
"""What a token may allow that belongs to no listener."""


class Kind(StrEnum):
    """How a viewer came in."""

    OPERATOR = "operator"
    LISTENER = "listener"
    TOKEN = "token"
    STRANGER = "stranger"


class NoSuchRight(InputError):
    """A token cannot allow what was asked for."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. Its rights over a listener's data are decided by ``permissions``."""

    kind: Kind
    user_id: int | None = None
    """The listener who is signed in, or whose token it is; None for the operator and for strangers."""
    rights: frozenset[Right] = frozenset()
    """Of a token; empty for everyone else."""
    session_id: int | None = None
    """The session in ``web_sessions``; None without one."""
    token_id: int | None = None
    """The token in ``api_tokens``; None without one."""
    token_name: str = ""
    """What the token is for, in its maker's words; empty without one."""

    @property
    def is_operator(self) -> bool:
        """Whether the viewer runs this installation."""
        return self.kind is Kind.OPERATOR

    @property
    def is_stranger(self) -> bool:
        """Whether nothing is known of the viewer."""
        return self.kind is Kind.STRANGER

    @property
    def is_person(self) -> bool:
        """Whether somebody is signed in, in a browser."""
        return self.kind in (Kind.OPERATOR, Kind.LISTENER)

    @property
    def key(self) -> str:
        """A short text that differs where two viewers may see different things; for ETags."""
        return f"{self.kind}:{self.user_id or ''}:{','.join(sorted(self.rights))}"


STRANGER = Viewer(Kind.STRANGER)
OPERATOR = Viewer(Kind.OPERATOR)
"""The operator without a session, for tests and tools."""


def listener_viewer(user_id: int) -> Viewer:
    """A listener without a session, for tests and tools."""
    return Viewer(Kind.LISTENER, user_id)


def token_viewer(user_id: int, *rights: Right) -> Viewer:
    """A listener's token that is in no database, for tests and tools."""
    return Viewer(Kind.TOKEN, user_id, frozenset(rights))


def rights_of(texts: list[str], *, operator: bool = False) -> frozenset[Right]:
    """The rights that their texts mean, for a new token. Raises NoSuchRight."""
    possible = OF_OPERATOR if operator else OF_LISTENERS
    found = frozenset(right for right in possible if right.value in texts)
    if not found or len(found) != len(set(texts)):
        raise NoSuchRight(f"a token allows one or more of {', '.join(sorted(possible))}; not {', '.join(texts) or '–'}")
    return found
