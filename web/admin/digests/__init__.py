"""Digests: made, changed, looked at, sent."""
