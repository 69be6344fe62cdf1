-- One row: whether any correction hides tracks. Which ones depends on the catalog.
SELECT EXISTS (SELECT FROM corrections WHERE kind IN ('HIDE_TRACK', 'HIDE_SONG', 'HIDE_ARTIST', 'HIDE_ALBUM'))
