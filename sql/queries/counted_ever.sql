-- One row per track that a user ever played, of some tracks or of all.
SELECT track_id, play_count, total_ms
FROM user_track_stats
WHERE user_id = %(user_id)s AND (%(tracks)s::bigint[] IS NULL OR track_id = ANY (({queries/the_tracks})::bigint[]))
