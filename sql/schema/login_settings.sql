-- One row per setting that sessions of a role begin with, and the only database in which they do, if there is one.
SELECT d.datname, setting.text AS setting
FROM pg_db_role_setting AS s
CROSS JOIN unnest(s.setconfig) AS setting (text)
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE s.setrole = (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = %(role)s)
