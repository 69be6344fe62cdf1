-- What an import left out and what looked odd in it is kept with its job.
ALTER TABLE import_jobs
ADD COLUMN notes text[] NOT NULL DEFAULT '{}',
ADD CONSTRAINT import_jobs_notes_check CHECK (cardinality(notes) <= 50);

COMMENT ON COLUMN import_jobs.notes IS 'one line for each thing that was left out of the file or looks odd in it';
