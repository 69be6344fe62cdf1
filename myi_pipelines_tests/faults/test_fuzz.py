"""The fuzzer of imports, a little of it: `make test-fuzz` imports thousands of damaged files."""

from pathlib import Path

from myi_pipelines_tests.faults.fuzz.fuzzer import Fuzzer
from myi_pipelines_tests.support.warehouse_harness import Warehouse

SEED = 1
INPUTS = 60


def test_of_damaged_files_the_rows_land_or_one_line_says_why_not(warehouse: Warehouse, tmp_path: Path) -> None:
    done = Fuzzer(warehouse, tmp_path, SEED).run(range(INPUTS))
    assert done.faults == []
    assert done.landed > INPUTS // 10
    assert done.refused > INPUTS // 10
