"""Cases in the API: what citizens and staff see of them, and what they do with them."""
