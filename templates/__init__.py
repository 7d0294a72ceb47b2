"""The Jinja2 environment and every template, for mail and for pages."""

from templates.environment import environment
from templates.palette import DARK, LIGHT, Palette
from templates.plaintext import to_text
from templates.shortening import excerpt, shorten
from templates.wrapping import wrap

__all__ = ["DARK", "LIGHT", "Palette", "environment", "excerpt", "shorten", "to_text", "wrap"]
