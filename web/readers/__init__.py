"""A reader's own pages: signing up, and what the links in their mail lead to."""
