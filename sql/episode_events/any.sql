-- One row: whether any of some users has plays in the month that are not music, landed or derived.
SELECT (EXISTS (SELECT FROM export_tracks WHERE kind <> 'TRACK')
        AND EXISTS (SELECT FROM imported_plays AS p
                    WHERE p.user_id = ANY (%(user_ids)s)
                      AND p.played_at >= %(starts_at)s AND p.played_at < %(ends_at)s
                      AND EXISTS (SELECT FROM export_tracks AS e
                                  WHERE e.id = p.export_track_id AND e.kind IS DISTINCT FROM 'TRACK')))
    OR EXISTS (SELECT FROM episode_events
               WHERE user_id = ANY (%(user_ids)s) AND played_at >= %(starts_at)s AND played_at < %(ends_at)s)
