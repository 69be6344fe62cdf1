"""Reading an upload's rows, packed for COPY; those of a large one in two processes. Run as a program this is the other.

Reading is Python at work, which keeps one core busy a process. Both processes take the upload's members from one queue.
The other one writes what it packs into a file without a name, which is gone with the two, whatever ends them, and
passed on here as it grows. So neither waits for the other, and memory stays flat.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Final, NamedTuple, Self

from myi_pipelines.errors import FailedError
from myi_pipelines.sources.exports import HistoryError, Limits, Upload, open_upload, without_collections
from myi_pipelines.warehouse.binary_copy import PackedBatch, Packer

WORTH_SHARING: Final = 32 * 1024 * 1024
"""Unpacked bytes from which on half of the reading takes longer than the start of a process."""

_NUMBERS_THERE: Final = 1 << 30
"""From where on the other process numbers names: nobody counts that far."""

_LENGTH: Final = Struct("!Q")
_MEMBER: Final = Struct("!I")


class ReaderDied(FailedError):
    """The other process ended before it had read what it took."""


class _Task(NamedTuple):
    """What the other process reads."""

    path: Path
    sha256: str
    limits: Limits
    min_play_ms: int
    queue: int
    parent: int
    """The process that it works for, and is not to outlive."""


def read_packed(upload: Upload, limits: Limits, min_play_ms: int) -> Generator[PackedBatch]:
    """All rows of an upload; of a large one in no order. Close it when not all of them are wanted.

    Raises HistoryError as `Upload.batches` does, wherever the rows were read, and ReaderDied.
    """
    packer = Packer(min_play_ms)
    if len(upload.members) == 1 or upload.total_bytes < WORTH_SHARING or os.cpu_count() == 1:
        yield from without_collections(map(packer.pack, upload.batches()))
        return
    with tempfile.TemporaryFile() as queue:
        queue.write(b"".join(map(_MEMBER.pack, range(len(upload.members)))))
        queue.seek(0)
        task = _Task(upload.path.absolute(), upload.sha256, limits, min_play_ms, queue.fileno(), os.getpid())
        bytes_here = 0
        with _OtherReader(task) as other:
            batches = upload.batches(members=_taken_from(queue.fileno()))
            for read_here in without_collections(map(packer.pack, batches)):
                bytes_here = read_here.bytes_read
                for packed in (read_here, *other.batches()):
                    yield packed._replace(bytes_read=bytes_here + other.bytes_read)
            other.wait()
            for packed in other.batches():
                yield packed._replace(bytes_read=bytes_here + other.bytes_read)


def _taken_from(queue: int) -> Iterator[int]:
    """Numbers of members until none is left. Two processes share the file's position, so each number is read once."""
    while number := os.read(queue, _MEMBER.size):
        yield _MEMBER.unpack(number)[0]


class _OtherReader:
    """The process that reads some of an upload's members."""

    def __init__(self, task: _Task) -> None:
        self.bytes_read = 0
        """Unpacked, of the batches that have been taken."""
        self._taken = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the reader is left
        self._process = subprocess.Popen(
            [sys.executable, "-m", "myi_pipelines.ingest.uploads.parallel_reading"],
            stdin=subprocess.PIPE,
            stdout=self._file,
            pass_fds=[task.queue],
            process_group=0,  # an interrupt at the terminal is its parent's business
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as told:  # should it have died, `wait` says so
            pickle.dump(task, told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()

    def batches(self) -> Iterator[PackedBatch]:
        """Those that have been packed since the last call. Raises the HistoryError that ended its reading."""
        number, size = self._file.fileno(), os.fstat(self._file.fileno()).st_size
        while self._taken + _LENGTH.size <= size:
            # The file's own position is where the other process writes.
            [length] = _LENGTH.unpack(os.pread(number, _LENGTH.size, self._taken))
            end = self._taken + _LENGTH.size + length
            if end > size:
                return
            sent: PackedBatch | HistoryError = pickle.loads(os.pread(number, length, end - length))
            self._taken = end
            if isinstance(sent, HistoryError):
                raise sent
            self.bytes_read = sent.bytes_read
            yield sent

    def wait(self) -> None:
        """Until it finds nothing more to read. Raises ReaderDied."""
        code = self._process.wait()
        if code != 0:
            raise ReaderDied(f"a process that read some of the file ended with exit code {code}; import it again")


def _read_others(task: _Task) -> None:
    packer = Packer(task.min_play_ms, first_number=_NUMBERS_THERE)
    try:
        with open_upload(task.path, task.limits) as upload:
            upload.require_sha256(task.sha256)
            upload.notes = ()  # told already
            batches = upload.batches(members=_taken_from(task.queue))
            for packed in without_collections(map(packer.pack, batches)):
                _send(packed)
                if os.getppid() != task.parent:
                    return
    except HistoryError as error:
        _send(error)


def _send(what: PackedBatch | HistoryError) -> None:
    pickled = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    sys.stdout.buffer.write(_LENGTH.pack(len(pickled)) + pickled)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _read_others(pickle.load(sys.stdin.buffer))
