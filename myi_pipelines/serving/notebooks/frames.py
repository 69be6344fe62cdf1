"""DataFrames and their types: rows or columns of an answer in, the types that pandas works best with out.

Numbers that are always there are ``int64``, those that may be unknown ``Int64``, texts are ``str`` (Arrow's), values of
a small set ``category``. Instants are aware and at the listener's clock; local days, weeks, months and years are no
instants but periods. With the backend ``pyarrow`` all are Arrow's types, but for categories; periods are dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

Backend: TypeAlias = Literal["pyarrow"] | None
Columns: TypeAlias = Mapping[str, str]
"""The type of each column by name: a dtype of pandas, ``instant``, or a period such as ``period[M]``."""

INSTANT = "instant"
DAY, MONTH, YEAR = "period[D]", "period[M]", "period[Y-DEC]"
_ARROW = {
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "str": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    INSTANT: pa.timestamp("us", "UTC"),
}
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
}


def arrow_type(kind: str) -> Any:
    """Arrow's type of a column."""
    return _ARROW.get(kind, pa.date32())


def table_of(columns: Columns, rows: Iterable[Sequence[Any]]) -> Any:
    """An Arrow table of rows, whose values are in the order of the columns."""
    listed = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array(values, arrow_type(kind)) for values, kind in zip(listed, columns.values(), strict=True)]
    return pa.table(arrays, names=list(columns))


def frame_of(columns: Columns, table: Any, zone: ZoneInfo, backend: Backend) -> pd.DataFrame:
    """The DataFrame of an Arrow table, which has these columns."""
    table = table.select(list(columns)).unify_dictionaries()
    return pd.DataFrame({name: _series(table[name], kind, zone, backend) for name, kind in columns.items()}, copy=False)


def _series(values: Any, kind: str, zone: ZoneInfo, backend: Backend) -> pd.Series[Any]:
    if kind == INSTANT:
        values = values.cast(pa.timestamp("us", zone.key))
    if kind == "category":
        return _pandas(values)
    if backend == "pyarrow":
        return pd.Series(pd.arrays.ArrowExtensionArray(values))
    if kind.startswith("period"):
        days = _pandas(values.cast(pa.timestamp("s")))
        periods: pd.Series[Any] = days.dt.to_period(kind.removeprefix("period[").removesuffix("]"))
        return periods
    if kind in ("Int64", "boolean", "str"):
        return _pandas(values, types_mapper=_NULLABLE.get)
    return _pandas(values)


def _pandas(values: Any, **options: Any) -> pd.Series[Any]:
    series: pd.Series[Any] = values.to_pandas(**options)
    return series
