"""A message and how it leaves: spliced from an edition's bytes, over SMTP or into a Maildir."""
