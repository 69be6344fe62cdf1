-- One row: whether a merged track is left that no statistics refer to. OFFSET 0: merged tracks are few, which the
-- planner does not know before the table is analyzed, and the index has no others.
SELECT EXISTS (SELECT FROM (SELECT id FROM tracks WHERE merged_into IS NOT NULL ORDER BY merged_into OFFSET 0) AS t
               WHERE NOT EXISTS (SELECT FROM user_track_stats AS s WHERE s.track_id = t.id))
