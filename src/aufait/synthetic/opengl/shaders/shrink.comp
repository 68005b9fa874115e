// The picture box filtered to its final size, with alpha and parts (parts: the nearest pixel).

layout(local_size_x = 8, local_size_y = 8) in;
TRIANGLES
RESULT    // parts in the lower byte, alpha in the next, from one picture onwards
layout(binding = 0) uniform sampler2D drawn;
layout(binding = 1) uniform sampler2D hair;
layout(binding = 2) uniform sampler2D numbers;
layout(binding = 3) uniform sampler2D light;
layout(rgba32f, binding = 0) uniform writeonly image2D small_out;   // rgb, share of skin

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int size = int(picture.y), side = int(picture.x);
    if (at.x >= size || at.y >= size) return;
    float scale = picture.x / picture.y;
    vec2 low = vec2(at) * scale, high = low + scale;
    vec4 sum = vec4(0.0);
    float cover = 0.0, total = 0.0;
    for (int y = int(low.y); y < min(int(ceil(high.y - 1e-4)), side); y++)
        for (int x = int(low.x); x < min(int(ceil(high.x - 1e-4)), side); x++) {
            vec2 share = min(vec2(x, y) + 1.0, high) - max(vec2(x, y), low);
            float weight = share.x * share.y;
            ivec2 from = ivec2(x, y);
            sum += weight * vec4(texelFetch(drawn, from, 0).rgb, texelFetch(light, from, 0).a);
            float solid = texelFetch(numbers, from, 0).r > 0.0 ? 1.0 : 0.0;
            cover += weight * max(solid, texelFetch(hair, from, 0).a);
            total += weight;
        }
    imageStore(small_out, at, sum / total);
    ivec2 nearest = min(ivec2(vec2(at) * scale), ivec2(side - 1));
    int t = int(texelFetch(numbers, nearest, 0).r) - 1;
    uint part = texelFetch(hair, nearest, 0).a > 0.5 ? 4u : t < 0 ? 0u : part_of(triangles[t]);
    result[size * size + at.y * size + at.x] = part | uint(cover / total * 255.0 + 0.5) << 8;
}
