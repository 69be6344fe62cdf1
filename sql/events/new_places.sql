-- One row per event in and around the user-month whose play has another place now: the new instant.
SELECT new_played_at FROM ({events/moved}) AS moved
