"""Live scores over WebSocket: the browser's camera, and cameras and streams of this machine."""
