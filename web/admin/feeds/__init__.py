"""Label feeds, labels, and what helps with writing a rule."""
