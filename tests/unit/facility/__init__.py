"""Unit tests of the facility room."""
