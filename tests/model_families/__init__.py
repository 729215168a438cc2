"""Published models: the fields of their configurations that matter, and the parameters that their makers state."""
