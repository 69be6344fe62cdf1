-- One row per polled play and export row that are near enough to be one play. Exact sources rank before minutes, and
-- ends before starts: when a track is on repeat, every start is also the end of the play before.
INSERT INTO candidate_pairs
    (rank, pass, polled_track_id, polled_played_at, exported_track_id, exported_played_at, ms_played)
WITH extended AS (
    SELECT link.track_id, p.played_at, max(p.ms_played) AS ms_played
    FROM imported_plays AS p
    JOIN export_track_links AS link USING (export_track_id)
    WHERE p.user_id = %(user_id)s AND p.context_id IS NOT NULL
      AND p.played_at >= %(near_start)s AND p.played_at < %(near_end)s
      AND p.ms_played >= %(min_play_ms)s
      AND link.track_id IN (SELECT track_id FROM candidate_polled_plays)
    GROUP BY link.track_id, p.played_at
), started AS (
    SELECT track_id, played_at, ms_played, played_at - ms_played * interval '1 millisecond' AS started_at FROM extended
), pairs AS (
    SELECT 1 AS pass, greatest(e.played_at - p.played_at, p.played_at - e.played_at) AS distance,
           p.track_id AS polled_track_id, p.played_at AS polled_played_at, p.spotify_id,
           e.track_id AS exported_track_id, e.played_at AS exported_played_at, e.ms_played
    FROM candidate_polled_plays AS p
    JOIN started AS e ON e.track_id = p.track_id
                     AND e.played_at BETWEEN p.played_at - interval '3 seconds' AND p.played_at + interval '3 seconds'
    UNION ALL
    SELECT 2, greatest(e.started_at - p.played_at, p.played_at - e.started_at),
           p.track_id, p.played_at, p.spotify_id, e.track_id, e.played_at, e.ms_played
    FROM candidate_polled_plays AS p
    JOIN started AS e ON e.track_id = p.track_id
                     AND e.started_at BETWEEN p.played_at - interval '3 seconds' AND p.played_at + interval '3 seconds'
    UNION ALL
    SELECT 3, greatest(a.played_at - p.played_at, p.played_at - (a.played_at + interval '1 minute'), interval '0'),
           p.track_id, p.played_at, p.spotify_id, a.track_id, a.played_at, a.ms_played
    FROM candidate_polled_plays AS p
    JOIN surviving_account_plays AS a ON a.track_key = p.track_key AND a.artist_key = p.artist_key
                                     AND p.played_at BETWEEN a.played_at - interval '3 seconds'
                                                         AND a.played_at + interval '63 seconds'
    UNION ALL
    SELECT 3, greatest(a.played_at - p.played_at, p.played_at - (a.played_at + interval '1 minute'), interval '0'),
           p.track_id, p.played_at, p.spotify_id, a.track_id, a.played_at, a.ms_played
    FROM candidate_polled_plays AS p
    JOIN surviving_account_plays AS a ON a.track_id = p.track_id
                                     AND p.played_at BETWEEN a.played_at - interval '3 seconds'
                                                         AND a.played_at + interval '63 seconds'
    WHERE (a.track_key, a.artist_key) IS DISTINCT FROM (p.track_key, p.artist_key)
)
SELECT row_number() OVER (ORDER BY pass, distance, polled_played_at, spotify_id COLLATE "C", exported_played_at,
                                   exported_track_id <> polled_track_id),
       pass, polled_track_id, polled_played_at, exported_track_id, exported_played_at, ms_played
FROM pairs
