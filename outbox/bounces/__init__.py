"""What comes back: delivery reports and complaints, read from any message, and the mailboxes they lie in."""
