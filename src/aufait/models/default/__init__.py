"""The models that ship: their networks, their crops, their files."""
