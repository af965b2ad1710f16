"""The app as a program: its start, and what all sessions share."""
