-- One row when a role may not connect to this database, and its owner, who asks, can let it.
SELECT d.datname
FROM pg_database AS d
WHERE d.datname = current_database()
  AND pg_has_role(d.datdba, 'USAGE') AND NOT has_database_privilege(%(role)s, d.oid, 'CONNECT')
