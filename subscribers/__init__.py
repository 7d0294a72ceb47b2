"""Who reads by email, what they agreed to, and who is never written to."""
