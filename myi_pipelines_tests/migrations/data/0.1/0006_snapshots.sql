-- Snapshots: Spotify's own top lists.

CREATE TABLE spotify_top_tracks (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    term       term NOT NULL,
    rank       smallint NOT NULL CHECK (rank BETWEEN 1 AND 50),
    track_id   bigint NOT NULL REFERENCES tracks,
    fetched_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, term, rank),
    UNIQUE (user_id, term, track_id)
);
CREATE INDEX ON spotify_top_tracks (track_id);
COMMENT ON TABLE spotify_top_tracks IS 'One row per listener, term and rank of Spotify''s own top tracks.';

CREATE TABLE spotify_top_artists (
    user_id    bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    term       term NOT NULL,
    rank       smallint NOT NULL CHECK (rank BETWEEN 1 AND 50),
    artist_id  bigint NOT NULL REFERENCES artists,
    fetched_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, term, rank),
    UNIQUE (user_id, term, artist_id)
);
CREATE INDEX ON spotify_top_artists (artist_id);
COMMENT ON TABLE spotify_top_artists IS 'One row per listener, term and rank of Spotify''s own top artists.';
