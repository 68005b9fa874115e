"""The drawing of one frame on a graphics card, through OpenGL 4.3: the same steps as ``drawing``, as shaders."""
