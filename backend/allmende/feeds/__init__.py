"""Feeds: what cities configure as sources is fetched, read by importers, compared, and written in one transaction."""
