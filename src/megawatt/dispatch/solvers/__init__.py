"""Ways to solve a site year: exact by dynamic programming, HiGHS for the rest."""
