-- One row when everybody may make temporary tables in this database, and its owner, who asks, can forbid that.
SELECT d.datname
FROM pg_database AS d
WHERE d.datname = current_database()
  AND pg_has_role(d.datdba, 'USAGE') AND has_database_privilege('public', d.oid, 'TEMPORARY')
