"""What the web has done for it by the application: handed in by the wiring."""
