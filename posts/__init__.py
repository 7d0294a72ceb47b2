"""The stored post database: posts, labels, rules over labels, and the ways in."""
