-- Who may see and do what in a browser and by programs: sessions, sign-in links, tokens, passwords. Secrets are kept as
-- hashes only. They are written by a login of their own, the keeper, and the login that reads cannot see them.

CREATE TYPE sign_in_method AS ENUM ('LINK', 'PASSWORD', 'SPOTIFY');
COMMENT ON TYPE sign_in_method IS 'by what somebody signed in';

CREATE TABLE web_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint REFERENCES users ON DELETE CASCADE,
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    method sign_in_method NOT NULL,
    device text NOT NULL CHECK (length(device) <= 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX web_sessions_user_id_idx ON web_sessions (user_id);
COMMENT ON TABLE web_sessions IS 'One row per session of a browser that is signed in.';
COMMENT ON COLUMN web_sessions.id IS 'surrogate key';
COMMENT ON COLUMN web_sessions.user_id IS 'users.id of who signed in; NULL: the operator';
COMMENT ON COLUMN web_sessions.secret_hash IS 'SHA-256 of what the browser''s cookie holds';
COMMENT ON COLUMN web_sessions.method IS 'by what the session began';
COMMENT ON COLUMN web_sessions.device IS 'family of browser and system, to tell sessions apart';
COMMENT ON COLUMN web_sessions.created_at IS 'when it began';
COMMENT ON COLUMN web_sessions.last_used_at IS 'when it was last used, to some minutes';
COMMENT ON COLUMN web_sessions.expires_at IS 'when it ends at the latest; it ends earlier when it is not used';

CREATE TABLE sign_in_links (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint REFERENCES users ON DELETE CASCADE,
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX sign_in_links_user_id_idx ON sign_in_links (user_id);
COMMENT ON TABLE sign_in_links IS 'One row per link that signs in once, until a day after it has expired.';
COMMENT ON COLUMN sign_in_links.id IS 'surrogate key';
COMMENT ON COLUMN sign_in_links.user_id IS 'users.id of whom it signs in; NULL: the operator';
COMMENT ON COLUMN sign_in_links.secret_hash IS 'SHA-256 of what the link holds';
COMMENT ON COLUMN sign_in_links.created_at IS 'when it was made';
COMMENT ON COLUMN sign_in_links.expires_at IS 'until when it can be used';
COMMENT ON COLUMN sign_in_links.used_at IS 'when it was used; NULL: not yet';

CREATE TABLE api_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint REFERENCES users ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    rights text[] NOT NULL CHECK (cardinality(rights) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX api_tokens_user_id_idx ON api_tokens (user_id);
COMMENT ON TABLE api_tokens IS 'One row per token of a program. To revoke it is to delete it.';
COMMENT ON COLUMN api_tokens.id IS 'surrogate key';
COMMENT ON COLUMN api_tokens.user_id IS 'users.id of whose data it opens; NULL: the operator, no listener''s data';
COMMENT ON COLUMN api_tokens.name IS 'what it is for, in its maker''s words';
COMMENT ON COLUMN api_tokens.secret_hash IS 'SHA-256 of the token, which was shown once';
COMMENT ON COLUMN api_tokens.rights IS
'what it allows: stats:read, history:read, listens:write, embed:read, metrics:read';
COMMENT ON COLUMN api_tokens.created_at IS 'when it was made';
COMMENT ON COLUMN api_tokens.last_used_at IS 'when it was last used, to some minutes; NULL: never';
COMMENT ON COLUMN api_tokens.expires_at IS 'until when it can be used; NULL: until it is revoked';

CREATE TABLE web_passwords (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint UNIQUE NULLS NOT DISTINCT REFERENCES users ON DELETE CASCADE,
    argon2id bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE web_passwords IS 'One row per listener with a password, and one for the operator.';
COMMENT ON COLUMN web_passwords.id IS 'surrogate key';
COMMENT ON COLUMN web_passwords.user_id IS 'users.id; NULL: the operator';
COMMENT ON COLUMN web_passwords.argon2id IS 'Argon2id hash in PHC format, with salt and costs';
COMMENT ON COLUMN web_passwords.changed_at IS 'when it was set';

CREATE TABLE awaited_logins (
    state_hash bytea PRIMARY KEY CHECK (length(state_hash) = 32),
    expires_at timestamptz NOT NULL,
    answer text CHECK (length(answer) <= 4000)
);
COMMENT ON TABLE awaited_logins IS
'One row per login at the terminal that waits for the web server to pass on what Spotify answers.';
COMMENT ON COLUMN awaited_logins.state_hash IS 'SHA-256 of the state that the answer must have';
COMMENT ON COLUMN awaited_logins.expires_at IS 'until when the login waits';
COMMENT ON COLUMN awaited_logins.answer IS
'the query of the address that Spotify sent the browser to: of no use without the verifier, which the login keeps';
