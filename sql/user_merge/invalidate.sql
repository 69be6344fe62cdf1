-- One row per user-month and stage that is to be derived again: the months that plays moved into and, for events, those
-- around them whose plays may match differently, in months that follow be the same stream, or, where no plays are, have
-- ended there.
INSERT INTO invalidated_user_months (user_id, month, stage)
SELECT %(kept)s, month, stage
FROM (SELECT month, stage
      FROM unnest(%(months)s::date[]) AS month
      CROSS JOIN unnest(enum_range(NULL::derivation_stage)) AS stage
      UNION
      SELECT near_month::date, 'EVENTS'
      FROM unnest(%(months)s::date[]) AS moved (month)
      CROSS JOIN LATERAL generate_series(moved.month - interval '1 month', moved.month + interval '2 months',
                                         interval '1 month') AS near_month
      WHERE near_month > moved.month OR has_matchable_plays(%(kept)s, near_month::date)
         OR NOT has_imported_plays(%(kept)s, near_month::date)) AS changed
ORDER BY month, stage
ON CONFLICT (user_id, month, stage) DO UPDATE SET marked_at = invalidated_user_months.marked_at
