// From linear light to numbers of a file: exposure, filmic shoulder, noise, sRGB, contrast and saturation.

layout(local_size_x = 8, local_size_y = 8) in;
LEVELS
RESULT    // the picture: red in the lowest byte
layout(std430, binding = OTHER) readonly buffer Noise { float noise[]; };
layout(binding = 0) uniform sampler2D small;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int size = int(picture.y), i = at.y * size + at.x;
    if (at.x >= size || at.y >= size) return;
    vec3 value = max(texelFetch(small, at, 0).rgb * levels[1].x * balance.rgb, 0.0);
    float mean = (value.r + value.g + value.b) / 3.0;
    float shoulder = (1.0 + mean / 2.0) / (1.0 + mean) * 1.18;
    vec3 v = 0.55 * value * shoulder + 0.45 * value * (1.0 + value / 2.0) / (1.0 + value) * 1.18;
    v += VECTOR(noise, i) * sqrt(min(v, 1.0) * sensor.y + sensor.z);
    v = clamp(v, 0.0, 1.0);
    v = mix(1.055 * pow(v, vec3(0.41666)) - 0.055, v * 12.92, lessThanEqual(v, vec3(0.0031308)));
    v = clamp((v - 0.5) * sensor.w + 0.5, 0.0, 1.0);
    float grey = (v.r + v.g + v.b) / 3.0;
    uvec3 bytes = uvec3(clamp(grey + (v - grey) * balance.a, 0.0, 1.0) * 255.0 + 0.5);
    result[i] = bytes.r | bytes.g << 8 | bytes.b << 16;
}
