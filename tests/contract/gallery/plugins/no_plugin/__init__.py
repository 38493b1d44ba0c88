"""Declares nothing."""

plugin = 5
