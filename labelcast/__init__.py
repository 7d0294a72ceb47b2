"""The top floor: settings, wiring, commands."""

__version__ = "0.1.0"
