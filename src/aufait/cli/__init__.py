"""The ``aufait`` command. ``aufait.cli.app.main`` is the entry point."""
