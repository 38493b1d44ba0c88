"""Jobs: imports and plugins' recurring work, run by the process itself (SQLite) or by workers (PostgreSQL)."""
