-- One row per index of a partitioned table: the statement that creates the same index on a table, named by a
-- placeholder, that will be its partition. The rows do not change afterwards, so the pages of the index are filled.
SELECT CASE WHEN i.indisprimary
            THEN 'ALTER TABLE {partition} ADD ' || pg_get_constraintdef(c.oid) || ' WITH (fillfactor = 100)'
            ELSE regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX \S+ ON ONLY \S+ (.*?)( WHERE .*)?$',
                                ' INDEX ON {partition} \1 WITH (fillfactor = 100)\2')
       END
FROM pg_index AS i
LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype = 'p'
WHERE i.indrelid = %s::text::regclass
ORDER BY i.indisprimary DESC, i.indexrelid
