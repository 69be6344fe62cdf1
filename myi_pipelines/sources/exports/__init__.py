"""Read history exports, Spotify's and others: files in, typed plays out. Knows no database and no Dagster.

Start with `open_upload`. Other packages use only the names that this module lists.
"""

from myi_pipelines.sources.exports.cleaning import NAME_LIMIT, clean, printable_name
from myi_pipelines.sources.exports.export_errors import ExportError
from myi_pipelines.sources.exports.export_files import (
    ChangedWhileRead,
    UnreadableFile,
    Upload,
    open_upload,
    without_garbage_collection,
)
from myi_pipelines.sources.exports.gzip_files import DamagedGzip
from myi_pipelines.sources.exports.history_search import (
    NestedZip,
    NotAnExport,
    NotAZip,
    NotReadHere,
    WrongEncoding,
    no_history_among,
    passed_over,
)
from myi_pipelines.sources.exports.json_stream import EmptyFile, NotAnArray, NotJson, TruncatedJson
from myi_pipelines.sources.exports.parquet_files import HISTORY, TABLE_KEY, DamagedParquet, NotOurParquet
from myi_pipelines.sources.exports.plays import (
    BAD_TIMESTAMP,
    EARLIEST,
    EARLIEST_SUBMITTED,
    FUTURE,
    MALFORMED,
    MAX_MS_PLAYED,
    NOT_COUNTED,
    NOTHING,
    TOO_SHORT,
    UNDATED,
    Batch,
    Context,
    Kind,
    Play,
    Track,
    submitted_play,
)
from myi_pipelines.sources.exports.zip_members import (
    DamagedZip,
    EncryptedZip,
    Limits,
    NoRoomForCopy,
    SplitZip,
    UnsupportedZip,
    ZipTooBig,
)

__all__ = [
    "BAD_TIMESTAMP",
    "EARLIEST",
    "EARLIEST_SUBMITTED",
    "FUTURE",
    "HISTORY",
    "MALFORMED",
    "MAX_MS_PLAYED",
    "NAME_LIMIT",
    "NOTHING",
    "NOT_COUNTED",
    "TABLE_KEY",
    "TOO_SHORT",
    "UNDATED",
    "Batch",
    "ChangedWhileRead",
    "Context",
    "DamagedGzip",
    "DamagedParquet",
    "DamagedZip",
    "EmptyFile",
    "EncryptedZip",
    "ExportError",
    "Kind",
    "Limits",
    "NestedZip",
    "NoRoomForCopy",
    "NotAZip",
    "NotAnArray",
    "NotAnExport",
    "NotJson",
    "NotOurParquet",
    "NotReadHere",
    "Play",
    "SplitZip",
    "Track",
    "TruncatedJson",
    "UnreadableFile",
    "UnsupportedZip",
    "Upload",
    "WrongEncoding",
    "ZipTooBig",
    "clean",
    "no_history_among",
    "open_upload",
    "passed_over",
    "printable_name",
    "submitted_play",
    "without_garbage_collection",
]
