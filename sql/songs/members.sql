-- song_members: one row per track of the songs that rekeyed tracks reach: those that they are of, and those with which
-- they share a key. label: the least track that is known to be of the same song. OFFSET 0: looked up one by one. Else
-- the planner expects billions of tracks that share a key, and reads the keys of the whole catalog.
CREATE TEMPORARY TABLE song_members ON COMMIT DROP AS
WITH reached AS (
    SELECT t.song_id
    FROM rekeyed_tracks AS r
    JOIN tracks AS t ON t.id = r.track_id
    UNION
    SELECT t.song_id
    FROM merged_tracks AS m
    JOIN tracks AS t ON t.id = m.track_id
    UNION
    SELECT other.song_id
    FROM rekeyed_tracks AS r
    CROSS JOIN LATERAL (SELECT k.song_key
                        FROM track_song_keys AS k
                        WHERE k.track_id = r.track_id
                        ORDER BY k.song_key OFFSET 0) AS own
    CROSS JOIN LATERAL (SELECT k.track_id
                        FROM track_song_keys AS k
                        WHERE k.song_key = own.song_key
                        ORDER BY k.track_id OFFSET 0) AS sharing
    JOIN tracks AS other ON other.id = sharing.track_id
)
SELECT t.id AS track_id, t.song_id AS old_song_id, t.id AS label, NULL::bigint AS song_id
FROM reached
CROSS JOIN LATERAL (SELECT id, song_id
                    FROM tracks
                    WHERE song_id = reached.song_id AND merged_into IS NULL
                    ORDER BY id OFFSET 0) AS t;

-- member_keys: one row per track of song_members and key that it shares.
CREATE TEMPORARY TABLE member_keys ON COMMIT DROP AS
SELECT m.track_id, own.song_key
FROM song_members AS m
CROSS JOIN LATERAL (SELECT k.song_key
                    FROM track_song_keys AS k
                    WHERE k.track_id = m.track_id
                    ORDER BY k.song_key OFFSET 0) AS own;

ANALYZE song_members;
ANALYZE member_keys;
