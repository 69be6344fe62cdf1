-- Where months are built aside before they take the place of a partition. Whatever lies here otherwise is left over.
CREATE SCHEMA asides;
COMMENT ON SCHEMA asides IS 'Months of partitioned tables that are being built aside; the partitions themselves are in public.';
