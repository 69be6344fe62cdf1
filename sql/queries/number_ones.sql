-- One row per local week of some local days: the song that was played most in it, of the plays that filters leave, by
-- one of its tracks.
WITH joined AS MATERIALIZED (
    SELECT t.id AS joined_id, t.song_id
    FROM user_song_sums AS s
    JOIN tracks AS t ON t.song_id = s.song_id
    WHERE s.user_id = %(user_id)s
), by_track AS MATERIALIZED (
    SELECT day - (extract(isodow FROM day)::integer + 6 - %(week_starts_on)s) %% 7 AS week, track_id,
           count(*) AS play_count, sum(ms_played)::bigint AS total_ms
    FROM (SELECT e.track_id, (e.played_at AT TIME ZONE %(zone)s)::date AS day, e.ms_played
          FROM listening_events AS e
          LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
          WHERE e.user_id = %(user_id)s AND e.played_at >= %(played_from)s AND e.played_at < %(played_to)s
            AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
            AND (%(platform)s::text IS NULL OR coalesce(heard.platform_family, 'unknown') = %(platform)s)
            AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))) AS plays
    WHERE day BETWEEN %(first_day)s AND %(last_day)s
    GROUP BY week, track_id
)
SELECT DISTINCT ON (week) week, id, play_count, total_ms
FROM (SELECT week, min(track_id) AS id, sum(play_count)::bigint AS play_count, sum(total_ms)::bigint AS total_ms
      FROM by_track
      JOIN joined ON joined.joined_id = by_track.track_id
      GROUP BY week, joined.song_id
      UNION ALL
      SELECT week, track_id, play_count, total_ms
      FROM by_track
      WHERE NOT EXISTS (SELECT FROM joined WHERE joined.joined_id = by_track.track_id)) AS by_song
ORDER BY week, play_count DESC, total_ms DESC, id
