"""Where a feed's posts stand: which in the subscription document, which in its archive (RFC 5005)."""
