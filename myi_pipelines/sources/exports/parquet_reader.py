"""The program that reads a Parquet file: `python -m` this module, with DESCRIPTOR START SIZE.

A process of its own, because pyarrow ends the process over some damaged files, and to limit its memory: pages say
themselves to how much they unpack. It writes JSON lines, a row each, in frames: a length, then so many bytes. After an
empty frame comes the outcome: nothing, or why the file cannot be read. Rows are read some at a time, so memory does not
grow with the file.
"""

from __future__ import annotations

import io
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from myi_pipelines.sources.exports.file_parts import FilePart
from myi_pipelines.sources.exports.myi_history import COLUMNS, INSTANTS, NEEDED

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

LENGTH: Final = Struct("!I")
"""Of a frame."""

_ROWS_AT_ONCE: Final = 2_500
_MEMORY_BYTES: Final = 2 * 1024**3
_GROUP_BYTES: Final = 256 * 1024**2
"""A group of 20,000 rows, as MYI writes them, has some megabytes."""
_TEXT_BYTES: Final = 16 * 1024
"""No text that MYI writes is longer."""
_BUFFER_BYTES: Final = 256 * 1024
_STRING_BYTES: Final = 1024**2
_CONTAINER_ITEMS: Final = 1_000_000


class Outcome(NamedTuple):
    """How reading ended."""

    what: Literal["read", "damaged", "not ours"]
    why: str = ""


class _NotOurs(Exception):
    pass


class _Damaged(Exception):
    pass


def _opened(file: io.RawIOBase) -> pq.ParquetFile:
    """Raises _NotOurs, and whatever pyarrow raises."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    limits: dict[str, Any] = {
        "thrift_string_size_limit": _STRING_BYTES,
        "thrift_container_size_limit": _CONTAINER_ITEMS,
        "page_checksum_verification": True,
        "buffer_size": _BUFFER_BYTES,
        "pre_buffer": False,
    }
    footer = pq.ParquetFile(file, **limits)
    if not frozenset(footer.schema_arrow.names) >= NEEDED:
        raise _NotOurs
    # Texts as a dictionary: a long one that is in many rows would be copied for each of them.
    texts = [one.name for one in footer.schema_arrow if one.name in COLUMNS and pa.types.is_string(one.type)]
    return pq.ParquetFile(file, metadata=footer.metadata, read_dictionary=texts, **limits)


def _lines(file: io.RawIOBase) -> Iterator[bytes]:
    """The rows, some at a time. Raises _NotOurs, _Damaged, and whatever pyarrow raises."""
    encode = msgspec.json.Encoder().encode_lines
    parquet = _opened(file)
    columns = [name for name in COLUMNS if name in parquet.schema_arrow.names]
    for number in range(parquet.num_row_groups):
        size = parquet.metadata.row_group(number).total_byte_size
        if not 0 <= size <= _GROUP_BYTES:
            raise _Damaged(f"a group of rows would have {size:,} bytes")
        for batch in parquet.iter_batches(_ROWS_AT_ONCE, [number], columns, use_threads=False):
            values = [_values(name, batch.column(name)) for name in columns]
            yield encode([dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)])


def _values(name: str, column: pa.Array) -> list[Any]:
    """The values of a column, of the type that MYI writes. Raises _Damaged for another one, and ArrowException."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
        texts = column.dictionary.cast(pa.binary())
        longest = pc.max(pc.binary_length(texts)).as_py() or 0
        if longest > _TEXT_BYTES:
            raise _Damaged(f"a text in {name} has {longest:,} bytes")
        known = [None if text is None else text.decode("utf-8", "replace") for text in texts.to_pylist()]
        return [None if at is None else known[at] for at in column.indices.to_pylist()]
    if name in INSTANTS:
        return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_null(column.type) or pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return column.to_pylist()  # type: ignore[no-any-return]
    raise _Damaged(f"the values of {name} are {column.type}")


def _send(frame: bytes) -> None:
    sys.stdout.buffer.write(LENGTH.pack(len(frame)) + frame)


def main(descriptor: int, start: int, size: int) -> None:
    """Write the rows of a file, and how that ended."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    outcome = Outcome("read")
    try:
        for lines in _lines(FilePart(descriptor, start, size)):
            _send(lines)
    except BrokenPipeError:
        return
    except _NotOurs:
        outcome = Outcome("not ours")
    except MemoryError:
        outcome = Outcome("damaged", "it would need more memory than any history")
    except Exception as error:  # pyarrow raises errors of Python, too, over damaged files
        outcome = Outcome("damaged", str(error))
    _send(b"")
    _send(msgspec.json.encode(outcome))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
