-- Tokens may also make corrections.
COMMENT ON COLUMN api_tokens.rights IS
    'what it allows: stats:read, history:read, listens:write, corrections:write, embed:read, metrics:read';
