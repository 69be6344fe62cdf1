-- One row per row of extended_episodes that does not say what was played, where another row does.
UPDATE extended_episodes AS t SET is_replaced = true WHERE ({episode_events/is_named})
