-- One row per place of a play among those of a local day, counted from 1: the play.
SELECT place, played_at, track_id
FROM (SELECT row_number() OVER (ORDER BY played_at, track_id) AS place, played_at, track_id
      FROM listening_events
      WHERE user_id = %(user_id)s AND played_at >= %(played_from)s AND played_at < %(played_to)s
        AND (played_at AT TIME ZONE %(zone)s)::date = %(day)s) AS numbered
WHERE place = ANY (%(places)s)
