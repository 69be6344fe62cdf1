"""What people and programs read: the report, the questions of dashboards, SQL of their own. It only reads."""
