-- Linked Spotify accounts: whose account a listener's is, and until when Spotify honours the authorization.

ALTER TABLE users
    ADD COLUMN spotify_account_id text UNIQUE,
    ADD COLUMN display_name       text;
COMMENT ON COLUMN users.spotify_account_id IS 'Spotify''s immutable key of the account; stays after a logout, as spotify_id does';
COMMENT ON COLUMN users.display_name IS 'the name on the Spotify account';

ALTER TABLE spotify_auth
    ADD COLUMN authorization_ends_at timestamptz NOT NULL GENERATED ALWAYS AS
        ((authorized_at AT TIME ZONE 'UTC' + interval '6 months') AT TIME ZONE 'UTC') STORED,
    ADD COLUMN access_token_encrypted  bytea,
    ADD COLUMN access_token_expires_at timestamptz,
    ADD CHECK ((access_token_encrypted IS NULL) = (access_token_expires_at IS NULL));
COMMENT ON COLUMN spotify_auth.refresh_token_encrypted IS 'AES-256-GCM, bound to the user: copied to another row it does not decrypt';
COMMENT ON COLUMN spotify_auth.access_token_encrypted IS 'the newest access token, encrypted in the same way';
COMMENT ON COLUMN spotify_auth.authorization_ends_at IS 'six months after the login, however often the token is refreshed';
COMMENT ON COLUMN spotify_auth.is_valid IS 'false: only a new login helps, last_failure_reason says why';
COMMENT ON COLUMN spotify_auth.consecutive_failures IS 'authorization failures since a call last worked; outages and rate limits do not count';
