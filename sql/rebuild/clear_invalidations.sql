-- One row per invalidation that is as it was when its user-month was read. One that another session is writing stays.
WITH done AS (
    SELECT s.user_id
    FROM unnest(%(user_ids)s::bigint[], %(versions)s::text[]) AS seen (user_id, version)
    JOIN invalidated_user_months AS s ON s.user_id = seen.user_id AND s.xmin = seen.version::xid
    WHERE s.month = %(month)s AND s.stage = 'EVENTS'
    FOR UPDATE OF s SKIP LOCKED
)
DELETE FROM invalidated_user_months AS s
USING done
WHERE s.user_id = done.user_id AND s.month = %(month)s AND s.stage = 'EVENTS'
