-- Pictures of albums and artists, kept so that no page makes a visitor's browser ask another host.

CREATE TABLE cover_images (
    image_url text PRIMARY KEY,
    content bytea,
    key uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    media_type text CHECK (media_type IN ('image/jpeg', 'image/png', 'image/webp')),
    fetched_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((content IS NULL) = (media_type IS NULL))
);
ALTER TABLE cover_images ALTER COLUMN content SET STORAGE EXTERNAL; -- images are compressed already
COMMENT ON TABLE cover_images IS 'One row per picture of an album or artist that is kept, or could not be fetched.';
COMMENT ON COLUMN cover_images.image_url IS 'albums.image_url or artists.image_url: the address of the largest size';
COMMENT ON COLUMN cover_images.key IS
    'in the address under which pages show it: chosen by chance, so that it tells nothing; another for another picture';
COMMENT ON COLUMN cover_images.content IS 'the picture, of about 300 pixels; NULL: it could not be fetched';
COMMENT ON COLUMN cover_images.media_type IS 'what its first bytes say that it is; NULL if it could not be fetched';
COMMENT ON COLUMN cover_images.fetched_at IS 'when it was fetched, or could not be';
