"""One module per kind of reference table; ``derive_catalogue.py`` runs them."""
