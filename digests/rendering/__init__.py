"""From an edition to its message."""
