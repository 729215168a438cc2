"""What a supplier and a grid charge: tariffs of any structure, and the bill of a site's hours."""

from megawatt.tariff.windows import Window, weekend_hours

__all__ = ["Window", "weekend_hours"]
