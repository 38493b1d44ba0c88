"""Rows of items, whoever says what they should be (feeds, editors): prepared, compared, written, indexed, logged."""
