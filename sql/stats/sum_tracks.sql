-- changed_tracks: one row per listener and track, of which several runs of months had told one each.
WITH told AS (
    DELETE FROM changed_tracks RETURNING *
)
INSERT INTO changed_tracks
SELECT user_id, track_id, sum(play_count), sum(total_ms), max(last_played_at), bool_or(has_lost_last)
FROM told
GROUP BY user_id, track_id
