"""``python -m aufait``: the ``aufait`` command."""

from aufait.cli.app import main

if __name__ == "__main__":
    main()
