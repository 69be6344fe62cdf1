-- changed_tracks: one row per user and track, the sum of the rows that several ranges of months added.
WITH several AS (
    DELETE FROM changed_tracks
    RETURNING user_id, track_id, play_count, total_ms, first_played_at, last_played_at, has_lost_first_or_last
)
INSERT INTO changed_tracks (user_id, track_id, play_count, total_ms, first_played_at, last_played_at,
                            has_lost_first_or_last)
SELECT user_id, track_id, sum(play_count), sum(total_ms), min(first_played_at), max(last_played_at),
       bool_or(has_lost_first_or_last)
FROM several
GROUP BY user_id, track_id
