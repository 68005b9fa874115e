"""Drawings of what was found in tables: lags of two people."""
