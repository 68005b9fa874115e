"""What ``aufait bench`` measures."""
