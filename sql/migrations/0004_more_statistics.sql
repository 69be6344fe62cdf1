-- More statistics of the same plays: when each track was first played, and counts by album.
--
-- What the new columns and tables need of a play is not in the statistics that a warehouse has. So every user-month is
-- invalidated: the next run of the statistics fills them from the events, and restores those that are archived.

-- Until then a track's first play is known no closer than by its latest one. A column whose type changes is written
-- without leaving dead rows behind.
ALTER TABLE user_track_months ADD COLUMN first_played_at timestamptz;
ALTER TABLE user_track_months ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at;
ALTER TABLE user_track_months ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_months.first_played_at IS 'end of the first play in the month';

ALTER TABLE user_track_stats ADD COLUMN first_played_at timestamptz;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at TYPE timestamptz USING last_played_at;
ALTER TABLE user_track_stats ALTER COLUMN first_played_at SET NOT NULL;
COMMENT ON COLUMN user_track_stats.first_played_at IS 'end of the first play';

-- Albums. No foreign key to albums: the album 0 is none, and it would need an index. Its rows are derived and verified.
CREATE TABLE user_album_stats (
    user_id         bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    album_id        bigint NOT NULL,
    play_count      bigint NOT NULL CHECK (play_count > 0),
    total_ms        bigint NOT NULL CHECK (total_ms > 0),
    first_played_at timestamptz NOT NULL,
    last_played_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, album_id)
);
CREATE INDEX user_album_stats_top ON user_album_stats (user_id, play_count DESC);
COMMENT ON TABLE user_album_stats IS
    'One row per user and album that the user ever played, and one for tracks without an album: all-time counts.';
COMMENT ON COLUMN user_album_stats.user_id IS 'users.id';
COMMENT ON COLUMN user_album_stats.album_id IS 'albums.id; 0 for the tracks whose album is unknown';
COMMENT ON COLUMN user_album_stats.play_count IS 'number of plays';
COMMENT ON COLUMN user_album_stats.total_ms IS 'milliseconds heard';
COMMENT ON COLUMN user_album_stats.first_played_at IS 'end of the first play';
COMMENT ON COLUMN user_album_stats.last_played_at IS 'end of the latest play';

-- While a merged track has statistics, it is on the album of the track that is kept.
UPDATE tracks AS t SET album_id = kept.album_id FROM tracks AS kept WHERE kept.id = t.merged_into;
COMMENT ON COLUMN tracks.album_id IS
    'albums.id; NULL while the album is unknown; of a merged track that of merged_into';

INSERT INTO user_album_stats (user_id, album_id, play_count, total_ms, first_played_at, last_played_at)
SELECT s.user_id, coalesce(t.album_id, 0), sum(s.play_count), sum(s.total_ms),
       min(s.first_played_at), max(s.last_played_at)
FROM user_track_stats AS s
JOIN tracks AS t ON t.id = s.track_id
GROUP BY s.user_id, coalesce(t.album_id, 0)
ORDER BY s.user_id, coalesce(t.album_id, 0);

CREATE VIEW named_albums AS
SELECT albums.id, albums.name,
       (SELECT artists.name FROM artists
        WHERE artists.name_key = albums.artist_key AND artists.is_canonical_for_name) AS artist
FROM albums;
COMMENT ON VIEW named_albums IS 'One row per album, with the names to show.';
COMMENT ON COLUMN named_albums.id IS 'albums.id';
COMMENT ON COLUMN named_albums.name IS 'name of the album';
COMMENT ON COLUMN named_albums.artist IS 'name of the first artist; NULL while unknown';


INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT DISTINCT user_id, month, 'STATS'::derivation_stage
FROM user_track_months
ON CONFLICT DO NOTHING;
