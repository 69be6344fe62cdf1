-- One row: the tracks among which are all that year_top_tracks keeps of a year in which plays were only added. The most
-- played tracks and songs of before are kept, and no track or song that was not touched overtakes them. NULL where a
-- track has fewer plays, or was played for less, than before: then any other may have come up.
SELECT CASE WHEN NOT EXISTS (SELECT FROM changed_tracks WHERE (play_count, total_ms) < (0, 0)) THEN ARRAY(
           SELECT track_id
           FROM user_year_top_tracks
           WHERE user_id = %(user_id)s AND year = %(year)s
           UNION
           SELECT member.id
           FROM changed_tracks AS c
           JOIN tracks AS t ON t.id = c.track_id
           JOIN tracks AS member ON member.song_id = t.song_id)
       END
