"""`allmende notify`: keys for web push."""

from __future__ import annotations

import click
from cryptography.hazmat.primitives.asymmetric import ec

from allmende.notify.channels.webpush import base64url, public_key


@click.group()
def notify() -> None:
    """Notifications."""


@notify.command()
def keys() -> None:
    """Make a pair of keys for web push (VAPID). The private one is a secret: keep it, a new one loses subscribers."""
    private = base64url(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big"))
    click.echo(f"private key, for the secret that [notify.webpush] private_key names:\n  {private}")
    click.echo(f"public key, for [notify.webpush] public_key:\n  {public_key(private)}")
