// Triangles where the camera sees them.

POSITIONS
TRIANGLES

flat out int triangle;

void main() {
    triangle = gl_VertexID / 3;
    gl_Position = clip_place(in_pixels(VECTOR(positions, triangles[triangle][gl_VertexID % 3])));
}
