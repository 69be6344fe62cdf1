"""The pages: routes, templates, static files and charts. They ask ``queries`` and write nothing to the warehouse."""
