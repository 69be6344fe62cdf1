-- Temporary tables of one export.

-- One row per track that the user's rows refer to.
CREATE TEMPORARY TABLE IF NOT EXISTS personal_tracks (track_id bigint PRIMARY KEY);

-- One row per artist of such a track, or that the user's rows refer to.
CREATE TEMPORARY TABLE IF NOT EXISTS personal_artists (artist_id bigint PRIMARY KEY);
TRUNCATE personal_tracks, personal_artists;
