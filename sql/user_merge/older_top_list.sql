-- One row per entry of a top list of the user who stays where the other user's list of the term is newer.
DELETE FROM {table} AS older
USING {table} AS newer
WHERE older.user_id = %(kept)s AND newer.user_id = %(gone)s AND older.term = newer.term
  AND older.fetched_at < newer.fetched_at
