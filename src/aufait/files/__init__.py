"""Files: whole or absent, weights, hashes, downloads."""
