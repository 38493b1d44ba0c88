"""Raises at import."""

raise RuntimeError("secret /etc/passwd")
