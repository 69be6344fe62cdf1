-- One row per foreign key of a partitioned table: the statement that adds it, not yet validated, to a table that will
-- be its partition, the statement that validates it, and the table that it refers to.
SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s NOT VALID', %(partition)s::text::regclass, conname,
              pg_get_constraintdef(oid)),
       format('ALTER TABLE %%s VALIDATE CONSTRAINT %%I', %(partition)s::text::regclass, conname),
       confrelid::regclass::text
FROM pg_constraint
WHERE conrelid = %(parent)s::text::regclass AND contype = 'f'
ORDER BY conname
