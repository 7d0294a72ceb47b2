"""Posts to feeds: which posts, each rendered once, put together as bytes, published as files."""
