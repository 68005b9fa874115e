"""The studio: a local web server over the detector, its jobs and its pages (``web/`` holds their source)."""
