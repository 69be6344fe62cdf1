-- One row: whether rows of a month before may be the same plays as rows of the extended history of the user-month. An
-- offline play that was uploaded there may have its start in another row; and a stream that is exported twice ends
-- there less than half its length after the month began, or began before it.
SELECT EXISTS (SELECT FROM imported_plays
               WHERE user_id = %(user_id)s AND context_id IS NOT NULL AND elapsed_s = -1
                 AND played_at >= %(starts_at)s AND played_at < %(ends_at)s)
       OR EXISTS (SELECT FROM imported_plays
                  WHERE user_id = %(user_id)s AND context_id IS NOT NULL
                    AND played_at >= %(starts_at)s AND played_at < %(starts_at)s + %(match_window)s
                    AND (2 * (played_at - %(starts_at)s) < ms_played * interval '1 millisecond'
                         OR (elapsed_s >= 0 AND played_at - elapsed_s * interval '1 second' < %(starts_at)s)))
