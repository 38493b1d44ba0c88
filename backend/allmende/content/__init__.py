"""What editors write: drafts, versions, publication into the plugins' own tables, corrections, sharing between cities.

Drafts live in this room's tables and never show in an API; what is published is rows of the plugin's table.
"""
