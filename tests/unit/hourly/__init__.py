"""The reader of hourly files."""
