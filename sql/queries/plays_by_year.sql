-- One row per track and UTC month of some local years in which a user played it, with the year; and per track that the
-- edge of a year moves into it or out of it.
SELECT track_id, date_part('year', month)::integer AS year, play_count, total_ms
FROM user_track_months
WHERE user_id = %(user_id)s AND month >= %(earliest_month)s AND month <= %(latest_month)s
  AND date_part('year', month)::integer = ANY (%(years)s)
UNION ALL
SELECT e.track_id, date_part('year', e.month)::integer + moved.years, moved.sign * e.play_count, moved.sign * e.total_ms
FROM user_month_edges AS e
CROSS JOIN (VALUES (0, 1), (-1, -1)) AS moved (years, sign)
WHERE e.user_id = %(user_id)s AND extract(month FROM e.month) = 1
  AND date_part('year', e.month)::integer + moved.years = ANY (%(years)s)
