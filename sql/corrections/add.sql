-- At most one row: the number of the correction, none if the user made it before.
INSERT INTO corrections (user_id, kind, what)
VALUES (%(user_id)s, %(kind)s, %(what)s)
ON CONFLICT (user_id, kind, md5(what::text)) DO NOTHING
RETURNING id
