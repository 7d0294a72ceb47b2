"""Who may do what by the web: accounts, sessions, tokens, and the record of what they did."""
