-- One row per primary key of a partitioned table: the statement that makes its index "{key}" on "{partition}", a table that is
-- to be its partition, as others may at the same time, and the one that makes it the table's key, which takes no time.
SELECT regexp_replace(pg_get_indexdef(conindid), ' INDEX \S+ ON ONLY \S+ (.*)$',
                      ' INDEX {key} ON {partition} \1 WITH (fillfactor = 100)'),
       'ALTER TABLE {partition} ADD CONSTRAINT {key} PRIMARY KEY USING INDEX {key}'
FROM pg_constraint
WHERE conrelid = %s::text::regclass AND contype = 'p'
