"""Signing in by OpenID Connect (Core 1.0): authorization code with PKCE, for citizens and for staff.

`provider` (discovery and keys) · `flow` (to the provider and back) · `claims` (what an ID token must be) ·
`arrival` (whose account it is, and what they hold then)
"""
