// First half of the blur of light under the skin: along the rows. Red and its weight, green and its weight.

layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform sampler2D light;
layout(rgba32f, binding = 0) uniform writeonly image2D sums_out;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int side = textureSize(light, 0).x, reach = int(ceil(4.0 * max(blur.x, blur.y)));
    if (at.x >= side || at.y >= side) return;
    vec4 sums = vec4(0.0);
    vec2 total = vec2(0.0);
    for (int i = -reach; i <= reach; i++) {
        vec4 here = texelFetch(light, ivec2(clamp(at.x + i, 0, side - 1), at.y), 0);
        vec2 weight = exp(-0.5 * float(i * i) / (blur.xy * blur.xy));
        total += weight;
        sums += vec4(weight.x * here.r, weight.x, weight.y * here.g, weight.y) * here.a;
    }
    imageStore(sums_out, at, sums / total.xxyy);
}
