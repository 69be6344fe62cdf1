-- One row per context of the user's imported plays.
SELECT id AS context_id, platform, country, reason_start, reason_end, shuffle, skipped, offline, incognito
FROM play_contexts
WHERE id IN (SELECT context_id FROM imported_plays WHERE user_id = %(user_id)s
             UNION ALL SELECT context_id FROM returning_imported_plays
             UNION ALL SELECT context_id FROM undone_plays WHERE user_id = %(user_id)s)
ORDER BY id
