-- One row per UTC month and track of the local year that a row of years names, and per track and edge: the plays that
-- the edges of the year move into it, or out of it.
SELECT track_id, play_count, total_ms
FROM user_track_months
WHERE user_id = %(user_id)s AND month >= make_date(years.year, 1, 1) AND month <= make_date(years.year, 12, 1)
UNION ALL
SELECT track_id, play_count, total_ms
FROM user_month_edges
WHERE user_id = %(user_id)s AND month = make_date(years.year, 1, 1)
UNION ALL
SELECT track_id, -play_count, -total_ms
FROM user_month_edges
WHERE user_id = %(user_id)s AND month = make_date(years.year + 1, 1, 1)
