-- One row: whether offline plays were uploaded in the user-month of which a row tells no start: a row of a month before
-- may tell it.
SELECT EXISTS (SELECT FROM imported_plays
               WHERE user_id = %(user_id)s AND context_id IS NOT NULL AND elapsed_s = -1
                 AND played_at >= %(starts_at)s AND played_at < %(ends_at)s)
