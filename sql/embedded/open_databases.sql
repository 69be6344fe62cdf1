-- One row per database that may be connected to: all, or those where everybody may, or may make temporary tables.
SELECT d.datname
FROM pg_database AS d
WHERE d.datallowconn AND d.datconnlimit <> -2 -- A DROP DATABASE that did not end.
  AND (%(every)s
       OR has_database_privilege('public', d.oid, 'CONNECT')
       OR has_database_privilege('public', d.oid, 'TEMPORARY'))
ORDER BY d.datname
