-- One row per function by which everybody may write into a database, its large objects or the server's log of changes:
-- the statement that forbids it. deploy/postgres/public.sh forbids the same.
SELECT format('REVOKE EXECUTE ON FUNCTION %%s FROM PUBLIC', p.oid::regprocedure)
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND p.proname IN (
      'lo_creat', 'lo_create', 'lo_export', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64',
      'lo_unlink', 'lowrite', 'pg_logical_emit_message'
  )
  AND has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY p.oid::regprocedure
