"""Drawings of what detection found."""
