"""What `allmende plugin check` looks at, a module for each kind of thing; each check yields Problems."""
