// Marks the vertices of all triangles in view.

layout(local_size_x = 8, local_size_y = 8) in;
TRIANGLES
IN_VIEW
layout(binding = 0) uniform sampler2D numbers;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (any(greaterThanEqual(at, textureSize(numbers, 0)))) return;
    int triangle = int(texelFetch(numbers, at, 0).r) - 1;
    if (triangle < 0) return;
    ivec4 corners = triangles[triangle];
    in_view[corners.x] = in_view[corners.y] = in_view[corners.z] = 1u;
}
