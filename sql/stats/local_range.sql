-- One row: the local days that may hold a play of these months for any of the users, and the complete weeks and months
-- around them. A day is added at either end, because clocks may be set back over midnight.
WITH days AS (
    SELECT min(%(starts_at)s::timestamptz AT TIME ZONE timezone)::date - 1 AS first_day,
           max(%(ends_at)s::timestamptz AT TIME ZONE timezone)::date + 1 AS last_day
    FROM unnest(%(timezones)s::text[]) AS timezone
), buckets AS (
    SELECT date_trunc('week', first_day)::date AS first_week, date_trunc('week', last_day)::date AS last_week,
           date_trunc('month', first_day)::date AS first_month, date_trunc('month', last_day)::date AS last_month
    FROM days
)
SELECT first_week, last_week, first_month, last_month,
       least(first_week, first_month) AS first_day,
       greatest(last_week + 6, (last_month + interval '1 month')::date - 1) AS last_day
FROM buckets
