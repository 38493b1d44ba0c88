"""Idempotency: a mutation that is sent again gets its first answer again."""
