-- Release dates from MusicBrainz, of albums of which Spotify tells none.
COMMENT ON COLUMN musicbrainz_objects.payload IS
    'name; genres, each with its votes; albums with the dates of their first release, where Spotify told not all dates';
COMMENT ON COLUMN albums.release_date IS
    'year, month or day (2011, 2011-06 or 2011-06-20): of this edition as Spotify tells it or, where it tells none, of '
    'the first release by MusicBrainz; NULL while unknown';
