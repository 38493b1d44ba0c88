"""Its plugin.toml is no TOML."""

raise AssertionError("was imported")
