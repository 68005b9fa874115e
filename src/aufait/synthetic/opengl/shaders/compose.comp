// Second half of the blur, along the columns, and the picture without hair: light x albedo + highlights, over the background.

layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform sampler2D light;
layout(binding = 1) uniform sampler2D sums;
layout(binding = 2) uniform sampler2D albedo;
layout(binding = 3) uniform sampler2D shine;
layout(binding = 4) uniform sampler2D backdrop;
layout(rgba32f, binding = 0) uniform writeonly image2D picture_out;
layout(rgba32f, binding = 1) uniform writeonly image2D hair_out;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int side = textureSize(light, 0).x, reach = int(ceil(4.0 * max(blur.x, blur.y)));
    if (at.x >= side || at.y >= side) return;
    imageStore(hair_out, at, vec4(0.0));
    vec4 paint = texelFetch(albedo, at, 0), received = texelFetch(light, at, 0);
    if (paint.a == 0.0) {
        imageStore(picture_out, at, vec4(textureLod(backdrop, (vec2(at) + 0.5) / float(side), 0.0).rgb, 0.0));
        return;
    }
    if (received.a > 0.0) {
        vec4 mean = vec4(0.0);
        vec2 total = vec2(0.0);
        for (int i = -reach; i <= reach; i++) {
            vec2 weight = exp(-0.5 * float(i * i) / (blur.xy * blur.xy));
            total += weight;
            mean += weight.xxyy * texelFetch(sums, ivec2(at.x, clamp(at.y + i, 0, side - 1)), 0);
        }
        mean /= total.xxyy;
        vec2 spread = mean.xz / (mean.yw + 1e-3);
        if (blur.x >= 0.4) received.r = spread.x;  // narrower blurs are none
        if (blur.y >= 0.4) received.g = spread.y;
    }
    imageStore(picture_out, at, vec4(paint.rgb * received.rgb * 0.55 + texelFetch(shine, at, 0).rgb, 0.0));
}
