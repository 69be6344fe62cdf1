-- Temporary tables of one synchronization of the catalog.

-- One row per export_tracks row that landed, or was played again, since the last synchronization.
CREATE TEMPORARY TABLE pending_names (export_track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per payload that changed since the last synchronization.
CREATE TEMPORARY TABLE pending_objects (
    object_type text,
    spotify_id  text,
    PRIMARY KEY (object_type, spotify_id)
) ON COMMIT DROP;

-- One row per Spotify id of a relinked track, with the one of its ids under which the catalog has the track.
CREATE TEMPORARY TABLE relinked_ids (spotify_id text PRIMARY KEY, kept_id text NOT NULL) ON COMMIT DROP;

-- One row per artist, by Spotify id or name, of whom MusicBrainz says something new.
CREATE TEMPORARY TABLE touched_artist_keys (key text PRIMARY KEY) ON COMMIT DROP;

-- One row per name for which another artist may become canonical, with the artist that was, if any.
CREATE TEMPORARY TABLE changed_artist_names (name_key uuid PRIMARY KEY, artist_id bigint) ON COMMIT DROP;

-- One row per name and artist for which another album may become canonical, with the album that was, if any.
CREATE TEMPORARY TABLE changed_album_names (name_key uuid NOT NULL, artist_key uuid, album_id bigint) ON COMMIT DROP;

-- One row per track whose length may change because of MusicBrainz.
CREATE TEMPORARY TABLE touched_lengths (track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per track that proved to be the same as another track.
CREATE TEMPORARY TABLE merged_tracks (track_id bigint PRIMARY KEY, into_id bigint NOT NULL) ON COMMIT DROP;

-- One row per track that matches account data under other names now.
CREATE TEMPORARY TABLE renamed_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;

-- One row per track that this synchronization adds: no user has statistics for it yet.
CREATE TEMPORARY TABLE new_tracks (track_id bigint PRIMARY KEY) ON COMMIT DROP;

{songs/workspace}
