-- One row per column of a table that may leave the warehouse, in order: what is encrypted stays.
SELECT attname
FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND atttypid <> 'bytea'::regtype
ORDER BY attnum
