-- One row per event of the user-month, or that enters it, whose play has another place now: the new instant.
SELECT new_played_at
FROM ({events/moved}) AS moved
WHERE played_at >= %(starts_at)s AND played_at < %(ends_at)s
   OR new_played_at >= %(starts_at)s AND new_played_at < %(ends_at)s
