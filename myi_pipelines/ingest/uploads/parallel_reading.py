"""Reads an upload's rows and packs them for COPY. Two processes read a large upload.

Run as a program, this module is the second process.

Reading is pure Python, so one process can use one core only. Both processes take the upload's members from one queue.
The second process writes the packed batches into a temporary file without a name, and the first one passes them on as
the file grows. So neither waits for the other, memory stays flat, and the file disappears however the processes end.
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
from myi_pipelines.sources.exports import ExportError, Limits, Upload, open_upload, without_garbage_collection
from myi_pipelines.warehouse.binary_copy import PackedBatch, Packer

TWO_PROCESSES_FROM_BYTES: Final = 32 * 1024 * 1024
"""Unpacked size from which reading half of an upload takes longer than starting a process."""

_FIRST_NUMBER_OF_SECOND: Final = 1 << 30
"""The number that the second process gives its first name. The first process never reaches it."""

_LENGTH: Final = Struct("!Q")
_MEMBER: Final = Struct("!I")


class ReaderDied(FailedError):
    """The second process ended before it had read the members that it took."""


class _Task(NamedTuple):
    """What the second process has to read."""

    path: Path
    sha256: str
    limits: Limits
    min_play_ms: int
    queue: int
    parent: int
    """The first process. The second one ends when this process is gone."""


def read_packed(upload: Upload, limits: Limits, min_play_ms: int) -> Generator[PackedBatch]:
    """All rows of an upload; those of a large one in no particular order. Close it if you do not read all of them.

    Raises ExportError as `Upload.batches` does, wherever the rows were read, and ReaderDied.
    """
    packer = Packer(min_play_ms)
    if len(upload.members) == 1 or upload.total_bytes < TWO_PROCESSES_FROM_BYTES or os.cpu_count() == 1:
        yield from without_garbage_collection(map(packer.pack, upload.batches()))
        return
    with tempfile.TemporaryFile() as queue:
        queue.write(b"".join(map(_MEMBER.pack, range(len(upload.members)))))
        queue.seek(0)
        task = _Task(upload.path.absolute(), upload.sha256, limits, min_play_ms, queue.fileno(), os.getpid())
        bytes_here = 0
        with _SecondReader(task) as second:
            batches = upload.batches(members=_taken_from(queue.fileno()))
            for read_here in without_garbage_collection(map(packer.pack, batches)):
                bytes_here = read_here.bytes_read
                for packed in (read_here, *second.batches()):
                    yield packed._replace(bytes_read=bytes_here + second.bytes_read)
            second.wait()
            for packed in second.batches():
                yield packed._replace(bytes_read=bytes_here + second.bytes_read)


def _taken_from(queue: int) -> Iterator[int]:
    """Numbers of members until none is left. The processes share the file's position, so each number is read once."""
    while number := os.read(queue, _MEMBER.size):
        yield _MEMBER.unpack(number)[0]


class _SecondReader:
    """The second process, which reads some of an upload's members."""

    def __init__(self, task: _Task) -> None:
        self.bytes_read = 0
        """Unpacked bytes of the batches that were taken."""
        self._taken = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "myi_pipelines.ingest.uploads.parallel_reading"],
            stdin=subprocess.PIPE,
            stdout=self._file,
            pass_fds=[task.queue],
            process_group=0,  # only its parent handles an interrupt at the terminal
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:  # if it has died, `wait` raises ReaderDied
            pickle.dump(task, pipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()

    def batches(self) -> Iterator[PackedBatch]:
        """Those that have been packed since the last call. Raises the ExportError that ended its reading."""
        number, size = self._file.fileno(), os.fstat(self._file.fileno()).st_size
        while self._taken + _LENGTH.size <= size:
            # The file's own position is where the second process writes, so it is read with pread.
            [length] = _LENGTH.unpack(os.pread(number, _LENGTH.size, self._taken))
            end = self._taken + _LENGTH.size + length
            if end > size:
                return
            sent: PackedBatch | ExportError = pickle.loads(os.pread(number, length, end - length))
            self._taken = end
            if isinstance(sent, ExportError):
                raise sent
            self.bytes_read = sent.bytes_read
            yield sent

    def wait(self) -> None:
        """Wait until it finds nothing more to read. Raises ReaderDied."""
        code = self._process.wait()
        if code != 0:
            raise ReaderDied(f"a process that read some of the file ended with exit code {code}; import it again")


def _read_in_second_process(task: _Task) -> None:
    """Read members until the queue is empty, and send each packed batch, or the error that ended the reading."""
    packer = Packer(task.min_play_ms, first_number=_FIRST_NUMBER_OF_SECOND)
    try:
        with open_upload(task.path, task.limits) as upload:
            upload.require_sha256(task.sha256)
            upload.notes = ()  # the first process reports them
            batches = upload.batches(members=_taken_from(task.queue))
            for packed in without_garbage_collection(map(packer.pack, batches)):
                _send(packed)
                if os.getppid() != task.parent:
                    return
    except ExportError as error:
        _send(error)


def _send(what: PackedBatch | ExportError) -> None:
    pickled = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    sys.stdout.buffer.write(_LENGTH.pack(len(pickled)) + pickled)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _read_in_second_process(pickle.load(sys.stdin.buffer))
