-- One row: the number of rows in a partition, and a sum that every change alters. A session that writes a row gives it
-- the number of a later transaction, so the same number of rows with the same sum are the same rows.
SELECT count(*), coalesce(sum(xmin::text::bigint), 0)::bigint FROM {partition}
