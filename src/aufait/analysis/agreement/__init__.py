"""Agreement of tables of scores with coders, with other tools and with each other, per action unit: frames and events."""
