"""Reading Spotify's history exports: ZIP and JSON files in, typed plays out. Knows no database and no Dagster.

`open_upload` is the way in. Everything that other packages may use is named here.
"""

from myi_pipelines.history.archive import DamagedZip, EncryptedZip, Limits, UnsupportedZip, ZipTooBig
from myi_pipelines.history.cleaning import printable
from myi_pipelines.history.errors import HistoryError
from myi_pipelines.history.jsonstream import EmptyFile, NotAnArray, NotJson, TruncatedJson
from myi_pipelines.history.plays import (
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
from myi_pipelines.history.uploads import (
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
