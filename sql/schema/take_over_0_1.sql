-- Changes the schema of a warehouse of version 0.1, made by its 18 migrations, to that of 0001_baseline. Comments come
-- from the baseline itself. No row of a table is lost or changed; only listening_events is rewritten.

-- What was being built when the server stopped. Readers never see it, and the next run builds it again.
DO $$
DECLARE
    unfinished record;
BEGIN
    FOR unfinished IN SELECT relname FROM pg_class WHERE relnamespace = 'asides'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DROP TABLE asides.%I', unfinished.relname);
    END LOOP;
END $$;
ALTER SCHEMA asides RENAME TO shadow;

ALTER TYPE slice_stage RENAME TO derivation_stage;

-- PostgreSQL cannot drop a value of an enum. No row has 'BACKFILL', which no version ever wrote.
ALTER TYPE source RENAME TO source_of_0_1;
CREATE TYPE source AS ENUM ('API', 'IMPORT');
ALTER TABLE listening_events ALTER COLUMN source TYPE source USING source::text::source;
DROP TYPE source_of_0_1;

ALTER TABLE artists RENAME COLUMN answers_to_name TO is_canonical_for_name;
ALTER TABLE albums RENAME COLUMN answers_to_name TO is_canonical_for_name;
ALTER TABLE track_relinks RENAME COLUMN told_at TO first_seen_at;

DROP FUNCTION merged_payload;
CREATE FUNCTION merged_payload(stored jsonb, stored_is_full boolean, latest jsonb, latest_is_full boolean) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN stored IS NULL OR latest IS NULL THEN coalesce(stored, latest)
                WHEN stored_is_full AND NOT latest_is_full THEN latest || stored
                ELSE stored || latest END;

-- Tables, with their constraints, indexes and sequences.
DO $$
DECLARE
    renamed record;
    part    record;
BEGIN
    FOR renamed IN
        SELECT old, new
        FROM (VALUES ('stale_slices', 'invalidated_user_months'),
                     ('stale_export_tracks', 'pending_export_tracks'),
                     ('stale_spotify_objects', 'pending_spotify_objects'),
                     ('archived_slices', 'archived_user_months'),
                     ('archive_leftovers', 'orphaned_archive_folders'),
                     ('month_holds', 'retention_holds')) AS name (old, new)
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', renamed.old, renamed.new);
        FOR part IN
            SELECT conname AS old, renamed.new || substr(conname, length(renamed.old) + 1) AS new
            FROM pg_constraint
            WHERE conrelid = renamed.new::regclass AND starts_with(conname, renamed.old || '_')
        LOOP
            EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', renamed.new, part.old, part.new);
        END LOOP;
        FOR part IN
            SELECT relname AS old, renamed.new || substr(relname, length(renamed.old) + 1) AS new, relkind
            FROM pg_class
            WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = renamed.new::regclass)
              AND relkind IN ('i', 'S') AND starts_with(relname, renamed.old || '_')
        LOOP
            EXECUTE format('ALTER %s %I RENAME TO %I', CASE part.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END,
                           part.old, part.new);
        END LOOP;
    END LOOP;
END $$;

-- Names that PostgreSQL made up while migrations replaced a table or renamed a column.
ALTER TABLE user_track_months
    RENAME CONSTRAINT user_track_months_play_count_check1 TO user_track_months_play_count_check;
ALTER TABLE user_track_months
    RENAME CONSTRAINT user_track_months_total_ms_check1 TO user_track_months_total_ms_check;
DO $$ -- PostgreSQL 18 and newer give NOT NULL constraints a name.
DECLARE
    renamed record;
BEGIN
    FOR renamed IN
        SELECT c.relname, con.conname AS old, format('%s_%s_not_null', c.relname, a.attname) AS new
        FROM pg_constraint AS con
        JOIN pg_class AS c ON c.oid = con.conrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = con.conkey[1]
        WHERE con.contype = 'n' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'users'::regclass)
          AND con.conname <> format('%s_%s_not_null', c.relname, a.attname)
    LOOP
        EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', renamed.relname, renamed.old, renamed.new);
    END LOOP;
END $$;
