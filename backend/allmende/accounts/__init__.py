"""Who asks and what they may: devices, citizens, staff, tokens, roles, the audit log."""
