"""While it happens: events known only from the past, and scores as streams that a laboratory records with its other devices."""
