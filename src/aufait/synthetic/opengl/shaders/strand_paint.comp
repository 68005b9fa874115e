// Colour of every piece of a strand: a Kajiya-Kay highlight, the key light through the shadow map (see drawing/strands.py).

layout(local_size_x = 64) in;
POINTS
EXTRA     // colour of every strand
LEVELS
PAINTS
layout(binding = 0) uniform sampler2D shadow_map;
uniform int strands;
uniform int count;        // points of a strand
uniform float specular;
uniform bool scalp;

float key_share(vec3 p) {
    vec3 seen = in_shadow_map(p);
    ivec2 texel = clamp(ivec2(seen.xy), ivec2(0), ivec2(SHADOW_SIZE - 1));
    float lit = exp(-0.9 * clamp(seen.z - cm_of_map(texelFetch(shadow_map, texel, 0).r) - 0.15, 0.0, 4.0));
    return scalp ? lit * clamp((dot(normalize(p - head_center.xyz), key_direction.xyz) + 0.35) / 1.1, 0.0, 1.0) : lit;
}

void main() {
    int i = int(gl_GlobalInvocationID.x), s = i / count, j = i % count;
    if (s >= strands || j == count - 1) return;  // a piece begins at each point but the last
    vec3 along = points[i + 1].xyz - points[j > 0 ? i - 1 : i].xyz;
    vec3 tangent = along / (length(along) + 1e-9);
    float lit = key_share(points[i].xyz);
    float to_light = dot(tangent, key_direction.xyz), to_eye = tangent.z;
    float across = sqrt(max(1.0 - to_light * to_light, 0.0)), aside = sqrt(max(1.0 - to_eye * to_eye, 0.0));
    float shine = pow(max(across * aside - to_light * to_eye, 0.0), 28.0) * specular * lit;
    float tone = 0.58 + 0.42 * min(float(j) / float(count - 1) * 2.5, 1.0);
    vec3 own = extra[s].rgb, light = levels[0].rgb * (0.6 + 0.4 * aside) + key_colour.rgb * (across * lit * 0.55);
    paints[i] = vec4(own * light * tone + shine * key_colour.rgb * (0.3 + 0.7 * own), 0.0);
}
