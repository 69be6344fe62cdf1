-- A backup is restored with an empty search_path, in which song_title did not find what it calls: a title with
-- brackets, guests or letters beyond ASCII stopped the restore. What it calls is found where the function was made.

ALTER FUNCTION song_title(text) SET search_path FROM CURRENT;
