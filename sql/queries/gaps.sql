-- One row per period in which polls may have missed plays, the latest first.
SELECT after, before, found_at
FROM possible_gaps
WHERE user_id = %(user_id)s
ORDER BY before DESC
LIMIT %(each)s
