// Slopes of the skin's height and its clipped darkening, see looks/wrinkles.py.

layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform sampler2D relief;
layout(rgba32f, binding = 0) uniform writeonly image2D slopes;

float height(ivec2 at) { return texelFetch(relief, clamp(at, ivec2(0), textureSize(relief, 0) - 1), 0).r; }

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int size = textureSize(relief, 0).x;
    if (at.x >= size || at.y >= size) return;
    float along = (height(at + ivec2(1, 0)) - height(at - ivec2(1, 0))) * 0.5 * float(size);
    float up = (height(at - ivec2(0, 1)) - height(at + ivec2(0, 1))) * 0.5 * float(size);
    float overhang = clamp(up / CM_PER_TEXTURE, 0.0, 0.7);
    float cavity = clamp(texelFetch(relief, at, 0).g + SKY_SHADE * overhang, 0.0, MAX_CAVITY);
    imageStore(slopes, at, vec4(along, up, cavity, 0.0));
}
