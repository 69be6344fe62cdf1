-- At most one row: the picture of a key.
SELECT media_type, content FROM cover_images WHERE key = %(key)s AND content IS NOT NULL
