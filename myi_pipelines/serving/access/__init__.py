"""Who may see and do what: viewers, sessions, sign-in links, tokens, passwords, and what a listener shares.

Knows of HTTP only in ``pages`` and ``identity``. Sessions and tokens are read and written over connections of the
keeper, a login that can do nothing else.
"""
