"""The publisher's pages: what is published and mailed, to whom, and how it went."""
