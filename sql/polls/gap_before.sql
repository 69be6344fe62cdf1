-- At most one row: the latest known play of a user before the oldest row of a page, if that row is not known: plays
-- between the two may have left the list. A row that is shown again a few seconds off is known.
SELECT max(played_at) AS gap_after
FROM polled_plays
WHERE user_id = %(user_id)s AND played_at < %(oldest)s + %(tolerance)s::interval
HAVING max(played_at) < %(oldest)s - %(tolerance)s::interval
