"""What a format of a history is: how its rows are known, and what reads them. The formats are listed in
`format_detection`."""

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, Protocol

from myi_pipelines.sources.exports.batches import BatchBuilder, Member
from myi_pipelines.sources.exports.json_stream import Chunk


class Reader(Protocol):
    """Adds the rows of one format to a batch."""

    @property
    def row_type(self) -> Any:
        """What a row is decoded as."""
        ...

    def read(self, rows: Sequence[Any], member: Member, first_row: int, /) -> None:
        """Add decoded rows. The first of them has the number `first_row` in its file."""
        ...

    def read_untyped(self, rows: Sequence[object], member: Member, first_row: int, /) -> None:
        """Add rows some of which are not what the format says: plain values of any type, or a BadRow in their place."""
        ...


class Layout(Protocol):
    """How the rows lie in a file."""

    def chunks(self, read: Callable[[int], bytes], row_type: Any, where: str, /) -> Iterator[Chunk[Any]]:
        """Yield the rows of the text that `read(size)` returns in pieces. Raises ExportError."""
        ...


class HistoryFormat(NamedTuple):
    """A format of a history."""

    key: str
    service: str
    """Whose history it is, as people call it."""
    reader: Callable[[BatchBuilder], Reader]
    is_row: Callable[[AbstractSet[str]], bool]
    """Whether rows with such keys are of the format. Some keys may be missing, others may be there."""
    day: re.Pattern[bytes] | None = None
    """Finds the days of rows in a file's bytes; None where the rows must be read for that."""
