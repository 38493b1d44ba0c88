"""What a change at hand does to whom: schema, settings, plugins, cities and released apps, before anyone merges it."""
