-- One row per track of a user-month of which other plays are hidden than recorded: difference, month, track.
SELECT CASE WHEN known.track_id IS NULL THEN 'missing hidden' WHEN hidden.track_id IS NULL THEN 'surplus hidden'
            ELSE 'different hidden' END AS kind,
       %(month)s::date::timestamptz AS month, track_id,
       (SELECT name FROM tracks WHERE tracks.id = track_id) AS track
FROM (SELECT track_id, sum(ms_played) AS total_ms, count(*) AS play_count
      FROM hidden_events
      GROUP BY track_id) AS hidden
FULL JOIN (SELECT track_id, total_ms, play_count
           FROM hidden_track_months
           WHERE user_id = %(user_id)s AND month = %(month)s) AS known USING (track_id)
WHERE (hidden.total_ms, hidden.play_count) IS DISTINCT FROM (known.total_ms, known.play_count)
ORDER BY track_id
