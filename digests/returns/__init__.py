"""What follows from mail that came back."""
