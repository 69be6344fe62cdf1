-- One row: whether user_track_months has anything of the listener in the months.
SELECT EXISTS (SELECT FROM user_track_months WHERE user_id = %(user_id)s AND month = ANY (%(months)s))
