"""How the service does: its health and its numbers."""
