"""The processes of `allmende serve`: a supervisor, the nursery that workers are forked from, and the workers."""
