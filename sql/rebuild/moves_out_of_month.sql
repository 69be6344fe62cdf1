-- One row: whether a polled play of the user-month matches an extended row of another month, or the other way round.
SELECT EXISTS (SELECT FROM matched_plays
               WHERE NOT by_minute
                 AND (polled_played_at >= %(starts_at)s AND polled_played_at < %(ends_at)s)
                     <> (exported_played_at >= %(starts_at)s AND exported_played_at < %(ends_at)s))
