"""What was mailed, for everybody to see: a digest's past editions, and they as a feed."""
