#!/bin/sh
# Takes from everybody, and so from the logins that read and keep sessions, what PostgreSQL lets everybody do: connect to
# databases that are not MYI's, make temporary tables, and write by functions. PostgreSQL's image runs this once, after
# owner.sh; it may be run again at any time (docs/operations/deploying.md).
set -eu
for database in template1 postgres myi; do
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$database" <<'END'
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
  AND proname IN (
      'lo_creat', 'lo_create', 'lo_export', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64',
      'lo_unlink', 'lowrite', 'pg_logical_emit_message'
  )
\gexec
END
done
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'END'
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE myi FROM PUBLIC;
END
