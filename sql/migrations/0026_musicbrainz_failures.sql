-- Artists for whom MusicBrainz gave no answer, so that one that never answers holds up no other.
CREATE TABLE musicbrainz_failures (
    key       text PRIMARY KEY,
    failed_at timestamptz NOT NULL
);
COMMENT ON TABLE musicbrainz_failures IS
    'One row per artist for whom a call to MusicBrainz failed: others come first, and it waits an hour.';
COMMENT ON COLUMN musicbrainz_failures.key IS 'artists.spotify_id; artists.name_key of a provisional artist';
COMMENT ON COLUMN musicbrainz_failures.failed_at IS 'when it failed last';
