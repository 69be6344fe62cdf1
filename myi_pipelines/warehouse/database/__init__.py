"""How the warehouse talks to PostgreSQL: connections, named statements, locks, work on several connections at once.

No table of the warehouse is named here.
"""
