// Light from all sides on every vertex in view: wrapped cosine times soft visibility, summed over the directions.

layout(local_size_x = 64) in;
POSITIONS
NORMALS
IRRADIANCE
IN_VIEW
layout(binding = 0) uniform sampler2D maps;
uniform int vertices;

const float BIAS = 0.55, WRAP = 0.15;

float open_at(ivec2 texel, ivec2 corner, float z) {
    ivec2 inside = clamp(texel, ivec2(0), ivec2(VISIBILITY_SIZE - 1));
    return z < cm_of_map(texelFetch(maps, corner + inside, 0).r) ? 1.0 : 0.0;
}

void main() {
    int i = int(gl_GlobalInvocationID.x);
    if (i >= vertices) return;
    vec3 sum = ambient_base.rgb;
    if (in_view[i] != 0u) {
        vec3 p = VECTOR(positions, i), normal = VECTOR(normals, i);
        for (int k = 0; k < int(ambient_base.w); k++) {
            float cosine = (dot(normal, ambient_direction[k].xyz) + WRAP) / (1.0 + WRAP);
            if (cosine <= 0.0) continue;
            vec3 seen = in_map(
                p, ambient_basis[3 * k].xyz, ambient_basis[3 * k + 1].xyz, ambient_basis[3 * k + 2].xyz, VISIBILITY_SIZE);
            ivec2 corner = ivec2(k % TILES, k / TILES) * VISIBILITY_SIZE;
            ivec2 low = ivec2(floor(seen.xy - 0.5));
            vec2 f = seen.xy - 0.5 - vec2(low);
            float z = seen.z - BIAS;
            float upper = mix(open_at(low, corner, z), open_at(low + ivec2(1, 0), corner, z), f.x);
            float lower = mix(open_at(low + ivec2(0, 1), corner, z), open_at(low + ivec2(1, 1), corner, z), f.x);
            sum += ambient_light[k].rgb * (cosine * mix(upper, lower, f.y));
        }
    }
    irradiance[i] = vec4(sum, 0.0);
}
