-- What can be a user's name, and so a folder's, stands once: the package asks the database.

CREATE FUNCTION is_user_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN name ~ '^[^./\\[:cntrl:]][^/\\[:cntrl:]]{0,63}$';
COMMENT ON FUNCTION is_user_name(text) IS 'Whether a name can be a user''s, and so that of a folder.';

ALTER TABLE users DROP CONSTRAINT users_name_check;
ALTER TABLE users ADD CONSTRAINT users_name_check CHECK (is_user_name(name));
