"""What a feed looks like: Atom, RSS, JSON Feed, Blogger's JSON and OPML, from posts to bytes."""
