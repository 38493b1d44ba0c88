"""Notifications: who wants to be told of what, an outbox written with its cause, and the ways to phones and people."""
