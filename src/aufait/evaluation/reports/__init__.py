"""Documents of an evaluation: tables, figures, published numbers."""
