"""Reading without the ORM, for plans: prepared statements on connections of their own, still bound to one city."""
