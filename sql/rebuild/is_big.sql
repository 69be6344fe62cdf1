-- One row: whether some users have so many landed plays in the month, and such a share of the plays that the planner
-- estimates for it. Counting stops as soon as that is certain.
SELECT needed.plays = (SELECT count(*)
                       FROM (SELECT FROM imported_plays
                             WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
                               AND user_id = ANY (%(user_ids)s)
                             UNION ALL
                             SELECT FROM polled_plays
                             WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
                               AND user_id = ANY (%(user_ids)s)
                             LIMIT needed.plays) AS counted) AS is_big
FROM (SELECT greatest(%(at_least)s, ceil(%(share)s * coalesce(sum(greatest(reltuples, 0)), 0)))::bigint AS plays
      FROM pg_class
      WHERE oid IN (to_regclass(%(imported)s), to_regclass(%(polled)s))) AS needed
