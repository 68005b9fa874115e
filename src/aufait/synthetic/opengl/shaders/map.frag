// Depth maps have no colour.

void main() {}
