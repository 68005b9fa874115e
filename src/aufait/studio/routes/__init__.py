"""The addresses of the API, one file for each thing that is asked for; every file has ``router(studio)``."""
