"""Answers that were made and still hold: the same question by the same viewer is answered from memory.

An ETag names everything that an answer depends on, so an answer is never old: what changes gets another ETag.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from starlette.responses import Response

LARGEST_BYTES = 1024 * 1024
KEPT_BYTES = 32 * 1024 * 1024


class _Answer(NamedTuple):
    body: bytes
    headers: list[tuple[bytes, bytes]]


class KeptAnswers:
    """The answers asked for last, ``kept_bytes`` of them at most, by ETag. For all threads of a process."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._room = kept_bytes
        self._lock = Lock()

    def get(self, etag: str) -> Response | None:
        """The answer of an ETag; None where it has to be made."""
        with self._lock:
            answer = self._answers.get(etag)
            if answer is None:
                return None
            self._answers.move_to_end(etag)
        response = Response(answer.body)
        response.raw_headers = list(answer.headers)
        return response

    def keep(self, etag: str, response: Response) -> None:
        """Keep a complete answer of status 200 that sets no cookie."""
        body = bytes(response.body)
        is_plain = response.status_code == 200 and "set-cookie" not in response.headers
        if not is_plain or len(body) > LARGEST_BYTES:
            return
        with self._lock:
            if etag in self._answers:
                return
            self._answers[etag] = _Answer(body, list(response.raw_headers))
            self._room -= len(body)
            while self._room < 0:
                _, oldest = self._answers.popitem(last=False)
                self._room += len(oldest.body)
