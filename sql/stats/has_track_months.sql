-- One row: whether user_track_months has any row of the users in the months.
SELECT EXISTS (SELECT FROM user_track_months WHERE user_id = ANY (%(user_ids)s) AND month = ANY (%(months)s))
