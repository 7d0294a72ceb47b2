"""The Jinja2 environment and every template, for mail and for pages."""
