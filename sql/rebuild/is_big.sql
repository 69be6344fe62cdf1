-- One row: whether some listeners have that many landed plays of the month, and that share of the plays that it has by the
-- planner's reckoning. Counted no further than that takes.
SELECT needed.plays = (SELECT count(*)
                       FROM (SELECT FROM imported_plays
                             WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s AND user_id = ANY (%(user_ids)s)
                             UNION ALL
                             SELECT FROM polled_plays
                             WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s AND user_id = ANY (%(user_ids)s)
                             LIMIT needed.plays) AS counted) AS is_big
FROM (SELECT greatest(%(at_least)s, ceil(%(share)s * coalesce(sum(greatest(reltuples, 0)), 0)))::bigint AS plays
      FROM pg_class
      WHERE oid IN (to_regclass(%(imported)s), to_regclass(%(polled)s))) AS needed
