-- One row: the artist for whom a call has just failed.
INSERT INTO musicbrainz_failures (key, failed_at)
VALUES (%(key)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET failed_at = excluded.failed_at
