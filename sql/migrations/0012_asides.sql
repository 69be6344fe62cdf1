-- Where months are built aside before they take the place of a partition. Whatever lies here otherwise is left over.
CREATE SCHEMA shadow;
COMMENT ON SCHEMA shadow IS 'Months of partitioned tables that are being built shadow; the partitions themselves are in public.';
