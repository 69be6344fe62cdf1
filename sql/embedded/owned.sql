-- One row per object of a database that the superuser made: the statement that gives it to a role, the schemas last.
WITH spaces AS (
    SELECT oid, nspname
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), owned AS (
    SELECT 1 AS position, format('%%s %%I.%%I', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                                              WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                                 spaces.nspname, c.relname) AS object
    FROM pg_class AS c
    INNER JOIN spaces ON spaces.oid = c.relnamespace
    WHERE c.relowner = 10 AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend AS d -- A sequence of a column goes with its table.
                      WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND c.relkind = 'S'
                        AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 2, format('ROUTINE %%s', p.oid::regprocedure)
    FROM pg_proc AS p
    INNER JOIN spaces ON spaces.oid = p.pronamespace
    WHERE p.proowner = 10
    UNION ALL
    SELECT 2, format('%%s %%I.%%I', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, spaces.nspname, t.typname)
    FROM pg_type AS t
    INNER JOIN spaces ON spaces.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.typowner = 10 AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
    UNION ALL
    SELECT 3, format('SCHEMA %%I', n.nspname)
    FROM pg_namespace AS n
    INNER JOIN spaces ON spaces.oid = n.oid
    WHERE n.nspowner = 10
)
SELECT format('ALTER %%s OWNER TO %%I', owned.object, %(role)s::text)
FROM owned
ORDER BY owned.position, owned.object
