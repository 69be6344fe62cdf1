-- One row per archived month and part, oldest first, with the number of users whose plays it holds.
SELECT m.month, m.part, m.folder, m.manifest_sha256, m.imported_plays, m.polled_plays, m.listening_events, m.bytes,
       m.archived_at,
       (SELECT count(*) FROM archived_user_months AS s WHERE s.month = m.month AND s.part = m.part) AS user_count
FROM archived_months AS m
WHERE %(months)s::date[] IS NULL OR m.month = ANY (%(months)s::date[])
ORDER BY m.month, m.part
