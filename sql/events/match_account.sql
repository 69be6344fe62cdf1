-- One row per account-data play that an extended row has more exactly, one to one: of the same minute (of its upload or
-- of its end) and, as asked for, of the same song or of exactly the same length; the longest first.
WITH account AS (
    SELECT account_no, played_at AS minute, key.song_id, key.ms_played,
           row_number() OVER (PARTITION BY played_at, key.song_id, key.ms_played
                              ORDER BY a.ms_played DESC, track_name COLLATE "C", artist_name COLLATE "C") AS place
    FROM account_plays AS a
    CROSS JOIN LATERAL (SELECT CASE WHEN %(same_song)s THEN a.song_id ELSE 0 END AS song_id,
                               CASE WHEN %(same_length)s THEN a.ms_played ELSE 0 END AS ms_played) AS key
    WHERE NOT is_matched
), extended AS (
    SELECT row_no, key.minute, key.song_id, key.ms_played,
           row_number() OVER (PARTITION BY key.minute, key.song_id, key.ms_played
                              ORDER BY t.ms_played DESC, t.played_at, t.stopped_at,
                                       coalesce(track_name, '') COLLATE "C", coalesce(artist_name, '') COLLATE "C",
                                       coalesce(album_name, '') COLLATE "C") AS place
    FROM extended_plays AS t
    CROSS JOIN LATERAL (SELECT date_trunc('minute', CASE WHEN %(by_upload)s THEN t.stopped_at ELSE t.played_at END)
                                   AS minute,
                               CASE WHEN %(same_song)s THEN t.song_id ELSE 0 END AS song_id,
                               CASE WHEN %(same_length)s THEN t.ms_played ELSE 0 END AS ms_played) AS key
    WHERE NOT is_used AND (track_id IS NOT NULL OR NOT %(same_song)s)
), pairs AS MATERIALIZED (
    SELECT account_no, row_no FROM account JOIN extended USING (minute, song_id, ms_played, place)
), used AS (
    UPDATE extended_plays AS t SET is_used = true FROM pairs WHERE pairs.row_no = t.row_no
)
UPDATE account_plays AS a SET is_matched = true FROM pairs WHERE pairs.account_no = a.account_no
