"""What becomes of plays outside of their tables: they leave for the archive and come back, are backed up and restored,
exported for whoever they are about, and forgotten. No module here knows Dagster's assets."""
