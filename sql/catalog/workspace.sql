-- Temporary tables of one synchronization.

-- One row per export_tracks row that landed or was played again since the catalog last looked.
CREATE TEMPORARY TABLE pending_names (export_track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per payload that changed since the catalog last looked.
CREATE TEMPORARY TABLE pending_objects (object_type text, spotify_id text, PRIMARY KEY (object_type, spotify_id)) ON COMMIT DROP;

-- One row per Spotify id of a relinked track, with the one id of them under which the catalog has the track.
CREATE TEMPORARY TABLE relinked_ids (spotify_id text PRIMARY KEY, kept_id text NOT NULL) ON COMMIT DROP;

-- One row per name that another artist may answer to now, with the one who did.
CREATE TEMPORARY TABLE retold_artists (name_key uuid PRIMARY KEY, artist_id bigint) ON COMMIT DROP;

-- One row per names that another album may answer to now, with the one that did.
CREATE TEMPORARY TABLE retold_albums (name_key uuid NOT NULL, artist_key uuid, album_id bigint) ON COMMIT DROP;

-- One row per track that turned out to be another one.
CREATE TEMPORARY TABLE merged_tracks (track_id bigint PRIMARY KEY, into_id bigint NOT NULL) ON COMMIT DROP;

-- One row per track that meets account data under other names now.
CREATE TEMPORARY TABLE renamed_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per track that this synchronization adds: nobody has statistics for it yet.
CREATE TEMPORARY TABLE new_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;
