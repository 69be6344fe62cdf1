#!/bin/sh
# PostgreSQL's image runs this once, when it has made the cluster: it makes the login that MYI uses, which owns the
# database and is no superuser. The superuser keeps no password: it logs in from inside the container only.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'END'
\set password `cat /run/secrets/postgres_password`
CREATE ROLE myi LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE myi OWNER myi;
ALTER ROLE CURRENT_USER PASSWORD NULL;
END
