"""The API: what the commands and pages do, for programs, in JSON."""
