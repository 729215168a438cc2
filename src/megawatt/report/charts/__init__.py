"""Charts by subject, and which of them a page shows."""
