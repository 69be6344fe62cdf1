"""The routes of the API, a module a subject: parameters in, one function of ``queries``, a shape out."""
