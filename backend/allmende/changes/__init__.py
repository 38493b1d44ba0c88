"""Which items of a city have changed, and in which order: what a phone that was offline asks for.

The feeds room writes the log in the transaction of the import; the API reads it (`City.changes`).
"""
