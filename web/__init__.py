"""What a browser and a feed reader see."""
