"""Memory does not grow with the file."""

import gzip
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from myi_pipelines_tests.support.export_rows import as_json

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

BLOCK_ROWS: Final = 1_000
READER: Final = """
import re, sys
from pathlib import Path
from myi_pipelines.sources.exports import Limits, open_upload

with open_upload(Path(sys.argv[1]), Limits(max_ratio=1e6)) as upload:
    upload.month_range()
    print(sum(batch.rows for batch in upload.batches()))
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def write_history(path: Path, rows: int) -> None:
    """Write rows with new tracks and platforms again and again, so that no cache can contain them all.

    Some rows are bad, because bad rows are read in another way.
    """
    block = as_json(
        [
            {
                "ts": "2023-01-30T19:46:52Z",
                "platform": f"Windows @BLOCK@ {number // 50}",
                "ms_played": number if number % 100 else "@LENGTH@",
                "master_metadata_track_name": f"Song @BLOCK@ {number // 5}",
                "spotify_track_uri": f"spotify:track:@BLOCK@{number // 5:017}",
                "ip_addr": "203.0.113.77",
                "reason_start": "trackdone",
                "reason_end": "fwdbtn",
                "shuffle": False,
            }
            for number in range(BLOCK_ROWS)
        ],
        indent=None,
    )[1:-1]
    with path.open("wb") as file:
        for number in range(rows // BLOCK_ROWS):
            length = b"7" if number % 3 else b'"bad"'
            file.write(b"," if number else b"[")
            file.write(block.replace(b"@BLOCK@", b"%05d" % number).replace(b'"@LENGTH@"', length))
        file.write(b"]")


def peak_of_reading(path: Path, rows: int) -> int:
    """The peak memory, in KiB, of a process that reads all rows."""
    done = subprocess.run([sys.executable, "-c", READER, str(path)], check=True, capture_output=True, text=True)
    read, peak = done.stdout.split()
    assert int(read) == rows
    return int(peak)


def pack(path: Path, how: str) -> None:
    """Put a file in the place of a history that contains it in another form."""
    packed = path.with_name("packed")
    if how == "gzip":
        with path.open("rb") as file, gzip.open(packed, "wb", 1) as out:
            shutil.copyfileobj(file, out)
    elif how == "ZIP in a ZIP":
        inner = path.with_name("inner.zip")
        for source, target in ((path, inner), (inner, packed)):
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.write(source, source.name)
        inner.unlink()
    if packed.exists():
        packed.replace(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of a process")
@pytest.mark.parametrize("how", ["as it is", "gzip", "ZIP in a ZIP"])
def test_a_file_a_hundred_times_larger_takes_little_more_memory(tmp_path: Path, how: str) -> None:
    peaks = []
    for rows in (3_000, 300_000):
        path = tmp_path / f"{rows}.json"
        write_history(path, rows)
        pack(path, how)
        peaks.append(peak_of_reading(path, rows))
        path.unlink()
    assert peaks[1] - peaks[0] < 40 * 1024
