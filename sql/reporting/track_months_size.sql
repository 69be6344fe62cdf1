-- One row per month among some in which anything was played: the rows of user_track_months.
SELECT month, count(*) AS row_count
FROM user_track_months
WHERE month = ANY (%(months)s)
GROUP BY month
