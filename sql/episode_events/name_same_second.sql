-- One row per row of told_episodes that does not say what was played, where another row does.
UPDATE told_episodes AS t SET is_replaced = true WHERE ({episode_events/is_named})
