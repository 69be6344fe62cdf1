"""Matching of shown plays with those of exports, without a database."""

from datetime import timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from myi_pipelines.warehouse.shown_plays import best_pairs

costs_of_a_pair = st.tuples(st.integers(0, 2), st.integers(0, 3).map(lambda seconds: timedelta(seconds=seconds)))
tables = st.lists(st.dictionaries(st.integers(0, 5), costs_of_a_pair, max_size=4), max_size=6)


def of_all_ways_to_pair(costs: list[dict[int, tuple[int, timedelta]]]) -> list[tuple[int, int]]:
    columns = 1 + max((column for row in costs for column in row), default=0)

    @cache
    def best(row: int, column: int) -> tuple[int, int, timedelta, tuple[tuple[int, int], ...]]:
        if row == len(costs) or column == columns:
            return 0, 0, timedelta(0), ()
        ways = [best(row + 1, column), best(row, column + 1)]
        if column in costs[row]:
            rank, distance = costs[row][column]
            unpaired, ranks, total, pairs = best(row + 1, column + 1)
            ways.append((unpaired - 1, ranks + rank, total + distance, ((row, column), *pairs)))
        return min(ways)

    return list(best(0, 0)[3])


@settings(max_examples=500, deadline=None, database=None, derandomize=True)
@given(costs=tables)
def test_pairs_are_the_best_of_all(costs: list[dict[int, tuple[int, timedelta]]]) -> None:
    assert best_pairs(costs) == of_all_ways_to_pair(costs)
