-- Files of the archive hold rows of a user who was merged into another under the id that went. It is kept, so that
-- they can be forgotten too.
ALTER TABLE users
ADD COLUMN former_ids bigint[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN users.former_ids IS
'ids of users who were merged into this one; rows in the archive may still have them';
