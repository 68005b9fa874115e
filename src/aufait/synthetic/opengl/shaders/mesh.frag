// The number of the nearest triangle, counted from 1.

TRIANGLES

flat in int triangle;
layout(location = 0) out float number;

void main() {
    // Rows go downwards, so that what turns counter-clockwise here is seen from behind.
    if (gl_FrontFacing && one_sided(triangles[triangle])) discard;
    number = float(triangle + 1);
}
