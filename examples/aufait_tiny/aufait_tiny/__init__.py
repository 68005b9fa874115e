"""An example plug-in of aufait. Nothing here imports the parts: each loads when somebody asks for its name."""
