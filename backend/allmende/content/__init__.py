"""What editors publish: drafts, versions, review, publication, sharing between cities."""
