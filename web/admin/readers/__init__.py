"""Readers by email: found, seen to, taken in and out as lists."""
