-- One row per session of a user, or of the operator, that this ends: all but one.
DELETE FROM web_sessions
WHERE user_id IS NOT DISTINCT FROM %(user_id)s AND id IS DISTINCT FROM %(kept)s
