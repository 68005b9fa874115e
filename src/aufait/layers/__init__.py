"""Blocks that two or more systems are built from."""
