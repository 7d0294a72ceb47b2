"""Feeds over HTTP: found by their address, answered from memory."""
