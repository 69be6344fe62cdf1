-- One row when a role exists: whether it can do more than log in and read what it is granted.
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid) AS is_powerful
FROM pg_roles AS r
WHERE r.rolname = %(role)s
