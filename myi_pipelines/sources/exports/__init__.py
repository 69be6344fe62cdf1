"""Reading Spotify's history exports: ZIP and JSON files in, typed plays out. Knows no database and no Dagster.

`open_upload` is the way in. Everything that other packages may use is named here.
"""

from myi_pipelines.sources.exports.cleaning import printable
from myi_pipelines.sources.exports.errors import HistoryError
from myi_pipelines.sources.exports.export_files import (
    ChangedWhileRead,
    NestedZip,
    NoHistory,
    NotAZip,
    UnreadableFile,
    Upload,
    WrongEncoding,
    find_uploads,
    open_upload,
    without_collections,
)
from myi_pipelines.sources.exports.json_stream import EmptyFile, NotAnArray, NotJson, TruncatedJson
from myi_pipelines.sources.exports.plays import (
    AUDIOBOOK,
    BAD_TIMESTAMP,
    EARLIEST,
    FUTURE,
    LOCAL_FILE,
    MALFORMED,
    MAX_MS_PLAYED,
    PODCAST,
    UNIDENTIFIED,
    VIDEO,
    Batch,
    Context,
    Play,
    Track,
)
from myi_pipelines.sources.exports.zip_members import DamagedZip, EncryptedZip, Limits, UnsupportedZip, ZipTooBig

__all__ = [
    "AUDIOBOOK",
    "BAD_TIMESTAMP",
    "EARLIEST",
    "FUTURE",
    "LOCAL_FILE",
    "MALFORMED",
    "MAX_MS_PLAYED",
    "PODCAST",
    "UNIDENTIFIED",
    "VIDEO",
    "Batch",
    "ChangedWhileRead",
    "Context",
    "DamagedZip",
    "EmptyFile",
    "EncryptedZip",
    "HistoryError",
    "Limits",
    "NestedZip",
    "NoHistory",
    "NotAZip",
    "NotAnArray",
    "NotJson",
    "Play",
    "Track",
    "TruncatedJson",
    "UnreadableFile",
    "UnsupportedZip",
    "Upload",
    "WrongEncoding",
    "ZipTooBig",
    "find_uploads",
    "open_upload",
    "printable",
    "without_collections",
]
