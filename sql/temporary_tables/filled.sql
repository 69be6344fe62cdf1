-- One row per table of those named that has a page.
SELECT name FROM unnest(%s::text[]) AS name WHERE pg_relation_size(name::regclass) > 0
