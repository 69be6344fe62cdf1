-- One row per play of some local days that is not music, the latest first, before a play.
SELECT e.id, e.played_at, e.kind::text, e.ms_played, named.name, named.show, named.author, named.spotify_id,
       name_key(named.show) AS show_key,
       coalesce(heard.platform_family, 'unknown') AS platform_family, heard.country
FROM (SELECT *
      FROM episode_events
      WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
        AND (played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
        AND (%(before_at)s::timestamptz IS NULL OR (played_at, id) < (%(before_at)s, %(before_id)s))
        AND (%(show_key)s::uuid IS NULL
             OR export_track_id IN (SELECT export_track_id FROM named_episodes WHERE name_key(show) = %(show_key)s))
      ORDER BY played_at DESC, id DESC
      LIMIT %(each)s) AS e
JOIN named_episodes AS named ON named.export_track_id = e.export_track_id
LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
ORDER BY e.played_at DESC, e.id DESC
