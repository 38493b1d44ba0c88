"""Pictures and documents that citizens and editors upload: checked, stripped, resized, kept."""
