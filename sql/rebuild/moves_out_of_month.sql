-- One row: whether an event of the user-month moves to another month, or one of another month into it.
SELECT EXISTS (SELECT FROM ({events/moved}) AS moved
               WHERE (played_at >= %(starts_at)s AND played_at < %(ends_at)s)
                     <> (new_played_at >= %(starts_at)s AND new_played_at < %(ends_at)s))
