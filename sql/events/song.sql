-- The song of a track t. Rows of one song are compared with one another.
coalesce(hashtextextended(t.name_key::text || t.artist_key::text, 0), -t.id)
