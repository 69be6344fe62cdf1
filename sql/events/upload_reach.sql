-- One row: from when rows were played that were uploaded in or around the user-month, and until when rows of the
-- user-month were uploaded.
SELECT least(%(near_start)s,
             (SELECT min(played_at) - %(match_window)s FROM imported_plays
              WHERE user_id = %(user_id)s AND played_at >= %(uploaded_from)s AND played_at < %(near_start)s
                AND stopped_at >= %(near_start)s)) AS rows_from,
       greatest(%(near_end)s,
                (SELECT max(stopped_at) + interval '1 minute' FROM imported_plays
                 WHERE user_id = %(user_id)s AND played_at >= %(near_start)s AND played_at < %(near_end)s
                   AND stopped_at >= %(near_end)s)) AS shown_until
