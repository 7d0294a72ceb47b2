"""Figures, each side by side with its own baseline in one run."""
