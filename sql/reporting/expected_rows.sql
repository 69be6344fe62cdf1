-- One row: how many rows a table has, as the planner knows it.
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %(table)s::regclass
