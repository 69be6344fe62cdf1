-- One row if the user-month is still invalidated as it was when its plays were read: the invalidation, which is gone.
DELETE FROM invalidated_user_months
WHERE user_id = %(user_id)s AND month = %(month)s AND stage = 'EVENTS' AND xmin = %(version)s::text::xid
