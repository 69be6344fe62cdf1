-- One row per copy of a tick, each a while later than the one before.
INSERT INTO job_ticks (
    job_origin_id, selector_id, status, type, timestamp, tick_body, create_timestamp, update_timestamp
)
SELECT job_origin_id, selector_id, status, type, timestamp + later, tick_body, create_timestamp + later,
       update_timestamp + later
FROM job_ticks
CROSS JOIN LATERAL (
    SELECT %(start)s::timestamp + make_interval(secs => n * %(step)s) - timestamp AS later
    FROM generate_series(0, %(copies)s - 1) AS n
) AS copies
WHERE id = %(tick_id)s
ORDER BY later
