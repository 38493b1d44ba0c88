"""The pages that show an instance to people: the start page with all cities, and a preview of each city's app."""
