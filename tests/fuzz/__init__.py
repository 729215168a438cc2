"""Seeded fuzzing: scenarios from their JSON Schema, bytes of every kind of file, argument lists."""
