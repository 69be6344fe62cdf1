"""What brings plays: ``exports`` reads files, ``spotify`` calls the API. Sources know no database."""
