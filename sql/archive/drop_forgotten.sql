-- One row per user-month and stage that is derived again because its plays, those of forgotten users, are not in the
-- archive any more.
WITH dropped AS (
    DELETE FROM archived_user_months
    WHERE month = %(month)s AND user_id = ANY (%(user_ids)s)
    RETURNING user_id, month
), changes AS (
    SELECT user_id, month::timestamptz AS starts_at, (month + interval '1 month')::timestamptz AS ends_at, stage
    FROM dropped
    CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
)
{user_months/invalidate_reached}
