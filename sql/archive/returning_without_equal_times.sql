-- One row per imported play of an older archive, which holds stopped_at of every play, also where it equals played_at.
UPDATE returning_imported_plays SET stopped_at = NULL WHERE stopped_at = played_at
