-- One row per part of which nobody's plays lie in the archive any more: its folder may go after a while.
WITH retired AS (
    DELETE FROM archived_months AS m
    WHERE NOT EXISTS (SELECT FROM archived_user_months AS s WHERE s.month = m.month AND s.part = m.part)
    RETURNING folder
)
INSERT INTO orphaned_archive_folders (folder, remove_after)
SELECT folder, %(remove_after)s FROM retired
