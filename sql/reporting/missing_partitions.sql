-- One row per name that is not the name of an attached partition.
SELECT name
FROM unnest(%s::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_class WHERE pg_class.oid = to_regclass(name) AND relispartition)
ORDER BY name
