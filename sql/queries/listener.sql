-- At most one row: a user by id or name, as pages need it. The version is equal as long as no commit changed what is
-- shown of the user: plays (which mark user-months, or clear marks), statistics, the catalog, settings, corrections,
-- lists and archived months.
SELECT users.id, users.name, users.display_name, settings.timezone, settings.week_starts_on,
       (SELECT min(bucket_date) FROM user_time_bucket_stats AS b
        WHERE b.user_id = users.id AND b.bucket_type = 'DAY') AS first_day,
       (SELECT max(bucket_date) FROM user_time_bucket_stats AS b
        WHERE b.user_id = users.id AND b.bucket_type = 'DAY') AS last_day,
       hashtextextended(concat_ws(
           ' ',
           (SELECT version FROM user_versions WHERE user_id = users.id),
           (SELECT version FROM catalog_version),
           settings.xmin, users.name, users.display_name, users.last_ingested_at, users.top_stats_refreshed_at,
           (SELECT string_agg(concat(month, stage, mark.xmin), ' ' ORDER BY month, stage)
            FROM invalidated_user_months AS mark WHERE mark.user_id = users.id),
           (SELECT string_agg(id::text, ' ' ORDER BY id) FROM corrections WHERE user_id = users.id),
           (SELECT string_agg(concat(id, status), ' ' ORDER BY id)
            FROM import_jobs WHERE user_id = users.id AND status <> 'FAILED'),
           (SELECT string_agg(concat(month, part), ' ' ORDER BY month)
            FROM archived_user_months WHERE user_id = users.id),
           (SELECT concat(count(*), max(found_at)) FROM possible_gaps WHERE user_id = users.id)
       ), 0) & 9223372036854775807 AS version,
       ARRAY(SELECT month FROM invalidated_user_months AS mark
             WHERE mark.user_id = users.id AND mark.stage = 'STATS' ORDER BY month) AS deriving,
       ((SELECT min(played_at) FROM episode_events AS e WHERE e.user_id = users.id)
        AT TIME ZONE settings.timezone)::date AS first_other_day,
       ((SELECT max(played_at) FROM episode_events AS e WHERE e.user_id = users.id)
        AT TIME ZONE settings.timezone)::date AS last_other_day
FROM users
JOIN user_settings AS settings ON settings.user_id = users.id
WHERE users.id = coalesce(%(user_id)s::bigint, (SELECT found.id FROM ({users/find}) AS found))
