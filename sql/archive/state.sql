-- One row: how many rows a partition has, and a sum that no change leaves as it was. Whoever writes a row puts a later
-- transaction's number on it, so as many rows can be the same sum only if they are the same rows.
SELECT count(*), coalesce(sum(xmin::text::bigint), 0)::bigint FROM {partition}
