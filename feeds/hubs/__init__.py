"""WebSub: what hubs are to be told, and how they are."""
