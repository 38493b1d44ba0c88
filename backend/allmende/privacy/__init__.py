"""Personal data as a mechanism: export, erasure, expiry, the record of processing."""
