"""From what is due to editions and deliveries."""
