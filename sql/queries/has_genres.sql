-- One row: whether any artist whom a user ever played has a genre.
SELECT EXISTS (SELECT FROM user_artist_stats AS s
               JOIN artists AS a ON a.id = s.artist_id
               WHERE s.user_id = %(user_id)s AND a.genres <> '{}')
