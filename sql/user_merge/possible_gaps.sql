-- One row per period in which plays may be missing that moves.
UPDATE possible_gaps AS gap
SET user_id = %(kept)s
WHERE gap.user_id = %(gone)s
  AND NOT EXISTS (SELECT FROM possible_gaps AS known WHERE known.user_id = %(kept)s AND known.before = gap.before)
