-- One row: a picture, or that it could not be fetched.
INSERT INTO cover_images (image_url, content, media_type)
VALUES (%(image_url)s, %(content)s, %(media_type)s)
ON CONFLICT (image_url) DO UPDATE
SET content = excluded.content, media_type = excluded.media_type, key = excluded.key, fetched_at = now()
