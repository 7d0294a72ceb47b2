"""Documents as files, in a folder or wherever fsspec leads: only what changed, in an order that is safe."""
