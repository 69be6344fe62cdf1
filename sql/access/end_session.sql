-- One row per session of a user, or of the operator, that this ends: the one named.
DELETE FROM web_sessions
WHERE id = %(id)s AND user_id IS NOT DISTINCT FROM %(user_id)s
