"""Pages of posts: the front page, lists by label and date, one post; served, and as files."""
