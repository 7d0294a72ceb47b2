"""Looking a running place over: one line for each thing that has to hold, and what to do where it does not."""

ROOMS = ("database", "templates", "scheduler", "posts", "subscribers", "outbox", "feeds", "digests", "web", "labelcast")
