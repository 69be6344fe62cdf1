-- One row: whether a user has account data of before 2024, which lists podcasts as music, and no extended history,
-- which tells them apart.
SELECT EXISTS (SELECT FROM imported_plays
               WHERE user_id = %(user_id)s AND context_id IS NULL AND elapsed_s IS NULL
                 AND played_at < '2024-01-01T00:00Z')
   AND NOT EXISTS (SELECT FROM imported_plays WHERE user_id = %(user_id)s AND context_id IS NOT NULL)
