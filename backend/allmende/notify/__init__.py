"""Tells those who want to know: topics, subscriptions, and the ways a message can take."""
