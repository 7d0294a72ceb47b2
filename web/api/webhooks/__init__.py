"""What other systems send when a post is published there, read as posts. All pure."""
