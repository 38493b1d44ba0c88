"""Who asks and what they may: devices, citizens, staff, tokens, roles, the audit log.

`tables` · `tokens` (kinds and lives) · `service` (token → Reader) · `permissions` (roles) · `audit`
Staff: `signing_in`, `sessions`, `second` (TOTP), `passwords`, `attempts` (brute force), `staff` (their accounts).
Others: `devices`, `machines` (service tokens).
"""
