"""HTTP/1.1 as it comes over the network: from bytes to ASGI and back."""
