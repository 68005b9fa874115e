"""What covers a head: skin, hair, wrinkles, things worn and held."""
