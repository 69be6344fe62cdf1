-- One row per user-month that is about to be archived: what it holds.
SELECT user_id, sum(plays)::integer AS play_count, sum(ms)::bigint AS total_ms,
       sum(imported)::integer AS imported_plays, sum(polled)::integer AS polled_plays,
       bool_or(is_account) AS has_account_data
FROM (SELECT user_id, count(*) AS plays, sum(ms_played) AS ms, 0 AS imported, 0 AS polled, false AS is_account
      FROM listening_events
      WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
      GROUP BY user_id
      UNION ALL
      SELECT user_id, 0, 0, count(*), 0, bool_or(context_id IS NULL)
      FROM imported_plays
      WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
      GROUP BY user_id
      UNION ALL
      SELECT user_id, 0, 0, 0, count(*), false
      FROM polled_plays
      WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
      GROUP BY user_id) AS counted
GROUP BY user_id
ORDER BY user_id
