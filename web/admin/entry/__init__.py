"""Who comes in: logins, accounts, tokens of programs."""
