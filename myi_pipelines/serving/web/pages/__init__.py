"""One module a page: questions in, a template's values out. Addresses are in ``routes``."""
