"""Posts to mail: when, which, rendered once, and the ledger of what went to whom."""
