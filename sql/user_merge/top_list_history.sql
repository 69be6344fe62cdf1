-- One row per entry of an earlier top list that moves: of the days and terms for which the user who stays has none.
UPDATE {table} AS listed
SET user_id = %(kept)s
WHERE listed.user_id = %(gone)s
  AND NOT EXISTS (SELECT FROM {table} AS known
                  WHERE known.user_id = %(kept)s AND known.term = listed.term AND known.listed_on = listed.listed_on)
