-- One row per part whose plays are all restored or deleted: its folder may be removed later.
WITH retired AS (
    DELETE FROM archived_months AS m
    WHERE NOT EXISTS (SELECT FROM archived_user_months AS s WHERE s.month = m.month AND s.part = m.part)
    RETURNING folder
)
INSERT INTO orphaned_archive_folders (folder, remove_after)
SELECT folder, %(remove_after)s FROM retired
