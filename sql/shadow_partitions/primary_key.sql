-- One row per primary key of a partitioned table: the statement that creates its index on a shadow partition, while
-- other sessions create other indexes there, and the statement that makes the index the primary key, which takes no
-- time.
SELECT regexp_replace(pg_get_indexdef(conindid), ' INDEX \S+ ON ONLY \S+ (.*)$',
                      ' INDEX {key} ON {partition} \1 WITH (fillfactor = 100)'),
       'ALTER TABLE {partition} ADD CONSTRAINT {key} PRIMARY KEY USING INDEX {key}'
FROM pg_constraint
WHERE conrelid = %s::text::regclass AND contype = 'p'
