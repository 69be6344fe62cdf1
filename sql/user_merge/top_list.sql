-- One row per entry of a top list that moves: of the terms for which the user who stays has no newer list.
UPDATE {table} AS listed
SET user_id = %(kept)s
WHERE listed.user_id = %(gone)s
  AND NOT EXISTS (SELECT FROM {table} AS known WHERE known.user_id = %(kept)s AND known.term = listed.term)
