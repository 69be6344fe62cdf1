-- One row: whether a merged track is left that no statistics refer to.
SELECT EXISTS (SELECT FROM tracks AS t
               WHERE t.merged_into IS NOT NULL
                 AND NOT EXISTS (SELECT FROM user_track_stats AS s WHERE s.track_id = t.id))
