-- One row per correction that moves: all but those that the user who stays made, too.
UPDATE corrections AS correction
SET user_id = %(kept)s
WHERE correction.user_id = %(gone)s
  AND NOT EXISTS (SELECT FROM corrections AS known
                  WHERE known.user_id = %(kept)s AND known.kind = correction.kind AND known.what = correction.what)
