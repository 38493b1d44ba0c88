"""The town hall's pages at /<city>/desk, for editors, case workers and city admins."""
