"""What the node answers over HTTP by itself: its shell, its health, and the console for people."""
