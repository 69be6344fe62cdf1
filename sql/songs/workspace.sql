-- One row per track whose song may change: its keys have changed, or a correction of it.
CREATE TEMPORARY TABLE rekeyed_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per track and key that Spotify's payload adds.
CREATE TEMPORARY TABLE added_song_keys (track_id bigint NOT NULL, song_key uuid NOT NULL) ON COMMIT DROP;

-- One row per song whose names may change.
CREATE TEMPORARY TABLE renamed_songs (song_id bigint PRIMARY KEY) ON COMMIT DROP;
