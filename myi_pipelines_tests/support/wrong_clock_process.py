"""The process whose clock is wrong: `python -m myi_pipelines_tests.support.wrong_clock_process URL DOING PATH`.

DOING is `import` for a file of anna's, `maintain` for the upkeep of partitions, or `archive` into a folder.
``wrong_clock`` makes a library that sets the process's clock off, when loaded before libc. No expectations here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from myi_pipelines.ingest.uploads.landing_files import WaitingFile, land_file
from myi_pipelines.operations.archiving import archive_months
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.orchestration.partitions import last_month
from myi_pipelines.sources.exports import Limits
from myi_pipelines.warehouse.archive import first_kept_month
from myi_pipelines.warehouse.partition_maintenance import maintain
from myi_pipelines.warehouse.partitions import months_between
from myi_pipelines_tests.support.warehouse_harness import open_warehouse

LISTENER = "anna"

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real)(clockid_t, struct timespec *);
static double began;

static double monotonic(void) {
    struct timespec now;
    real(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

__attribute__((constructor)) static void begin(void) {
    real = dlsym(RTLD_NEXT, "clock_gettime");
    began = monotonic();
}

int clock_gettime(clockid_t id, struct timespec *now) {
    if (!real) begin();
    int failed = real(id, now);
    if (id == CLOCK_REALTIME && monotonic() - began >= atof(getenv("CLOCK_JUMPS_AFTER")))
        now->tv_sec += atol(getenv("CLOCK_JUMPS_BY"));
    return failed;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


def wrong_clock(folder: Path) -> Path:
    """Compile the library. Skips the test where there is nothing to do it with."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a clock that jumps needs a C compiler, and Linux")
    library = folder / "wrong_clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(command, input=SHIM, text=True, check=True)
    return library


def main(url: str, doing: str, path: str) -> None:
    print("ready", flush=True)
    now = datetime.now(UTC)
    with open_warehouse(url) as warehouse:
        if doing == "import":
            land_file(warehouse.session(), WaitingFile(Path(path), warehouse.user(LISTENER, "UTC"), Limits()))
            warehouse.settle([warehouse.user(LISTENER, "UTC")])
        elif doing == "maintain":
            assert maintain(warehouse.conn, months_between(now.date(), last_month())) is not None
        else:
            for left in archive_months(warehouse.conn, Store(path), before=first_kept_month(now, 12)):
                assert left.error is None, left


if __name__ == "__main__":
    main(*sys.argv[1:])
