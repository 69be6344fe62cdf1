-- Lengths from MusicBrainz, of tracks of which Spotify tells none, and which archived plays last as long as those.

CREATE FUNCTION recording_keys(recordings jsonb) RETURNS uuid[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(md5(song_title((one.value ->> 'title')
                                                 || coalesce(' (' || (one.value ->> 'version') || ')', '')))::uuid
                                  ORDER BY one.number), '{}')
        FROM jsonb_array_elements(recordings) WITH ORDINALITY AS one (value, number));
COMMENT ON FUNCTION recording_keys(jsonb) IS
    'Of each recording of musicbrainz_objects.payload the key of its folded title, with what tells it from others of '
    'that title, such as "live".';

CREATE FUNCTION recording_lengths(recordings jsonb) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(array_agg((one.value ->> 'length_ms')::integer ORDER BY one.number), '{}')
        FROM jsonb_array_elements(recordings) WITH ORDINALITY AS one (value, number));
COMMENT ON FUNCTION recording_lengths(jsonb) IS
    'Of each recording of musicbrainz_objects.payload the length in milliseconds.';

ALTER TABLE musicbrainz_objects
    ADD COLUMN length_keys uuid[] GENERATED ALWAYS AS (recording_keys(payload -> 'recordings')) STORED,
    ADD COLUMN lengths_ms integer[] GENERATED ALWAYS AS (recording_lengths(payload -> 'recordings')) STORED;
COMMENT ON COLUMN musicbrainz_objects.lengths_ms IS
    'length of each of the payload''s recordings, in their order; NULL: they were not asked for';
COMMENT ON COLUMN musicbrainz_objects.length_keys IS
    'key of the folded title of each of the payload''s recordings, in their order; NULL: they were not asked for';
COMMENT ON COLUMN musicbrainz_objects.payload IS
    'name; genres, each with its votes; albums with the dates of their first release, where Spotify told not all '
    'dates; recordings with their lengths, where Spotify told not all lengths';

COMMENT ON COLUMN tracks.duration_ms IS
    'length in milliseconds: Spotify''s or, where it tells none, that of the recordings of this title by MusicBrainz; '
    'NULL while unknown';

ALTER TABLE archived_names ADD COLUMN has_unknown_length boolean NOT NULL DEFAULT true;
ALTER TABLE archived_names ALTER COLUMN has_unknown_length DROP DEFAULT;
COMMENT ON COLUMN archived_names.has_unknown_length IS
    'a play of these names in the month tells no length, so that it lasts as long as its track; true also if the month '
    'was archived before this was recorded';
COMMENT ON TABLE archived_names IS
    'One row per archived user-month and export_tracks row of account data in it: a search may find the track later, '
    'or Spotify or MusicBrainz tell its length.';
