-- One row: names, songs, albums or credits of answers that were given before may differ now.
INSERT INTO catalog_version AS kept (version) VALUES (1)
ON CONFLICT (is_only) DO UPDATE SET version = kept.version + 1
