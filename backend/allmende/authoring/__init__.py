"""What helps to write a plugin: scaffolding, checks that name every mistake, and the scale of maturity."""
