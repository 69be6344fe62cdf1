"""Files of a form, as they arrive: whoever takes them decides by the name before the content is there, and nothing is
kept here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


class SentFile(NamedTuple):
    """A file of a form. Its chunks are read before the next file is asked for."""

    name: str
    chunks: AsyncIterator[bytes]


class _Begins(NamedTuple):
    """A part whose head has been read; the name of its file, empty for a field."""

    file_name: str


class _Ends:
    """A part has been read."""


_Step = _Begins | bytes | _Ends


async def sent_files(request: Request) -> AsyncIterator[SentFile]:
    """The files of a form; fields are passed over. Raises HTTPException 400 for what is no such form."""
    steps = _steps(request)
    async for step in steps:
        if isinstance(step, _Begins) and step.file_name:
            yield SentFile(step.file_name, _chunks(steps))


async def _chunks(steps: AsyncIterator[_Step]) -> AsyncIterator[bytes]:
    async for step in steps:
        if isinstance(step, _Ends):
            return
        assert isinstance(step, bytes)
        yield step


async def _steps(request: Request) -> AsyncGenerator[_Step, None]:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(400)
    reading = _Reading()
    try:
        parser = MultipartParser(options[b"boundary"], reading.callbacks())
        async for received in request.stream():
            parser.write(received)
            for step in reading.taken():
                yield step
        parser.finalize()
    except FormParserError:
        raise HTTPException(400) from None


class _Reading:
    """What the parser has reported since it was asked last."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._header = ""
        self._value = b""
        self._disposition = b""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._read_header,
            "on_header_value": self._read_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_head,
            "on_part_data": self._read_data,
            "on_part_end": self._end_part,
        }

    def taken(self) -> list[_Step]:
        taken, self._steps = self._steps, []
        return taken

    def _begin_part(self) -> None:
        self._disposition = b""

    def _read_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].decode("latin-1").lower()

    def _read_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header == "content-disposition":
            self._disposition = self._value
        self._header, self._value = "", b""

    def _end_head(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._steps.append(_Begins(options.get(b"filename", b"").decode("utf-8", "replace")))

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        self._steps.append(bytes(data[start:end]))

    def _end_part(self) -> None:
        self._steps.append(_Ends())
