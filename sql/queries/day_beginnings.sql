-- One row per local day: between which instants it begins. They are equal unless the clock changes near its
-- beginning, which can make a day begin twice, or not at all.
SELECT day, begins - slack AS earliest, begins + slack AS latest
FROM (SELECT day, begins,
             CASE WHEN (begins - interval '1 day') AT TIME ZONE %(zone)s = day - interval '1 day'
                       AND begins AT TIME ZONE %(zone)s = day
                       AND (begins + interval '1 day') AT TIME ZONE %(zone)s = day + interval '1 day'
                  THEN interval '0' ELSE interval '1 day' END AS slack
      FROM unnest(%(days)s::date[]) AS day
      CROSS JOIN LATERAL (SELECT day::timestamp AT TIME ZONE %(zone)s AS begins) AS local) AS bounded
