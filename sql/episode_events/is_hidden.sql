-- Whether the user has hidden a play: by time, by show or because it was private. Plays are hidden at the end, so that
-- no other row of them is taken for a play of its own.
SELECT EXISTS (SELECT FROM hidden_periods AS hidden
               WHERE hidden.user_id = plays.user_id
                 AND plays.played_at >= hidden.starts_at AND plays.played_at < hidden.ends_at)
    OR EXISTS (SELECT FROM hidden_shows AS hidden
               WHERE hidden.user_id = plays.user_id AND hidden.export_track_id = plays.export_track_id)
    OR EXISTS (SELECT FROM user_settings AS settings
               JOIN play_contexts AS heard ON heard.id = plays.context_id
               WHERE settings.user_id = plays.user_id AND settings.hide_incognito AND heard.incognito)
