"""Posts: found, changed by hand, imported."""
