"""Drawings of what was found in tables: action units over time, together, and of two people."""
