"""What is written of an analysis: the catalogue of figures, tables, and the report in words."""
