"""Secrets that we hand out, and how they are kept: as SHA-256, which tells nothing of what has 256 bits of chance."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A text that nobody can guess, for a cookie or an address."""
    return prefix + secrets.token_urlsafe(BYTES)


def hash_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
