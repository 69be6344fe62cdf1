-- One row per play of some local days, the latest first, before a play: what, how long, and on what it was heard.
SELECT e.id, e.played_at, e.track_id, e.ms_played, e.is_skip, e.is_estimated, e.source::text,
       heard.platform, coalesce(heard.platform_family, 'unknown') AS platform_family, heard.country,
       heard.reason_start, heard.reason_end, heard.shuffle, heard.offline, heard.incognito
FROM (SELECT e.*
      FROM listening_events AS e
      LEFT JOIN play_contexts AS context ON context.id = e.context_id
      WHERE e.user_id = %(user_id)s AND {within}
        AND (e.played_at AT TIME ZONE %(zone)s)::date BETWEEN %(first_day)s AND %(last_day)s
        AND (%(hours)s::integer[] IS NULL
             OR extract(hour FROM e.played_at AT TIME ZONE %(zone)s)::integer = ANY (%(hours)s))
        AND (%(weekday)s::integer IS NULL
             OR extract(isodow FROM e.played_at AT TIME ZONE %(zone)s)::integer - 1 = %(weekday)s)
        AND (%(before_at)s::timestamptz IS NULL OR e.played_at < %(before_at)s
             OR (e.played_at = %(before_at)s AND e.track_id > %(before_track)s))
        AND (%(skipped)s::boolean IS NULL OR e.is_skip = %(skipped)s)
        AND (%(platform)s::text IS NULL OR coalesce(context.platform_family, 'unknown') = %(platform)s)
        AND (%(tracks)s::bigint[] IS NULL OR e.track_id = ANY (({queries/the_tracks})::bigint[]))
      ORDER BY e.played_at DESC, e.track_id
      LIMIT %(each)s) AS e
LEFT JOIN play_contexts AS heard ON heard.id = e.context_id
ORDER BY e.played_at DESC, e.track_id
