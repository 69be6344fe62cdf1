-- One row per track and minute with account-data plays that count: the longest of them. Left out are minutes in which
-- an extended row of the same names, or of the same track, ended or was uploaded: that row has the play more exactly.
INSERT INTO surviving_account_plays (track_id, track_key, artist_key, played_at, ms_played)
WITH account_plays AS (
    SELECT link.track_id, e.track_key, e.artist_key, e.track_name, e.artist_name, p.played_at, p.ms_played
    FROM imported_plays AS p
    JOIN export_track_links AS link USING (export_track_id)
    JOIN export_tracks AS e ON e.id = p.export_track_id
    WHERE p.user_id = %(user_id)s AND p.context_id IS NULL
      AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
      AND p.ms_played >= %(min_play_ms)s
), extended_minutes AS MATERIALIZED (
    SELECT link.track_id, e.track_key, e.artist_key, date_trunc('minute', moment.instant) AS minute
    FROM imported_plays AS p
    JOIN export_track_links AS link USING (export_track_id)
    JOIN export_tracks AS e ON e.id = p.export_track_id
    CROSS JOIN LATERAL (VALUES (p.played_at), (p.stopped_at)) AS moment (instant)
    WHERE p.user_id = %(user_id)s AND p.context_id IS NOT NULL
      AND p.played_at >= %(uploaded_from)s AND p.played_at < %(near_end)s
      AND p.ms_played >= %(min_play_ms)s AND moment.instant IS NOT NULL
)
SELECT DISTINCT ON (a.track_id, a.played_at) a.track_id, a.track_key, a.artist_key, a.played_at, a.ms_played
FROM account_plays AS a
WHERE NOT EXISTS (SELECT FROM extended_minutes AS e
                  WHERE e.track_key = a.track_key AND e.artist_key = a.artist_key AND e.minute = a.played_at)
  AND NOT EXISTS (SELECT FROM extended_minutes AS e WHERE e.track_id = a.track_id AND e.minute = a.played_at)
ORDER BY a.track_id, a.played_at, a.ms_played DESC, a.track_name COLLATE "C" DESC, a.artist_name COLLATE "C" DESC
