-- One row per column of a table that may be exported, in order: all but the encrypted ones.
SELECT attname
FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND atttypid <> 'bytea'::regtype
ORDER BY attnum
