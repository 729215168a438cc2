"""The cash flow as a workbook of live formulas."""
