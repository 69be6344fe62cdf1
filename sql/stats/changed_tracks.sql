-- One row per track whose counts or latest play change.
INSERT INTO changed_tracks
SELECT track_id,
       sum(coalesce(play_count, 0) - coalesce(old_play_count, 0)),
       sum(coalesce(total_ms, 0) - coalesce(old_total_ms, 0)),
       max(last_played_at),
       coalesce(bool_or(old_last_played_at > coalesce(last_played_at, '-infinity')), false)
FROM changed_track_months
GROUP BY track_id
