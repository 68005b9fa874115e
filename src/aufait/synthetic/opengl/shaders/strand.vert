// One piece of a strand of hair: a bar of pixels along its longer axis, with a Kajiya-Kay highlight (see drawing/strands.py).

POINTS
EXTRA     // colour of every strand
LEVELS
layout(binding = 0) uniform sampler2D shadow_map;

uniform int count;        // points of a strand
uniform float width;      // pixels at the root
uniform float taper;
uniform float specular;
uniform bool scalp;
uniform bool solid;       // pieces that hide what is behind them, or those that do not

flat out vec4 paint;      // colour and how much of it
flat out float coverage;

float key_share(vec3 p) {
    vec3 seen = in_shadow_map(p);
    ivec2 texel = clamp(ivec2(seen.xy), ivec2(0), ivec2(SHADOW_SIZE - 1));
    float lit = exp(-0.9 * clamp(seen.z - cm_of_map(texelFetch(shadow_map, texel, 0).r) - 0.15, 0.0, 4.0));
    return scalp ? lit * clamp((dot(normalize(p - head_center.xyz), key_direction.xyz) + 0.35) / 1.1, 0.0, 1.0) : lit;
}

vec3 colour_of(int s, int j, float part) {
    int i = s * count + j;
    vec3 along = points[i + 1].xyz - points[j > 0 ? i - 1 : i].xyz;
    vec3 tangent = along / (length(along) + 1e-9);
    float lit = key_share(points[i].xyz);
    float to_light = dot(tangent, key_direction.xyz), to_eye = tangent.z;
    float across = sqrt(max(1.0 - to_light * to_light, 0.0)), aside = sqrt(max(1.0 - to_eye * to_eye, 0.0));
    float shine = pow(max(across * aside - to_light * to_eye, 0.0), 28.0) * specular * lit;
    float tone = 0.58 + 0.42 * min(part * 2.5, 1.0);
    vec3 own = extra[s].rgb, light = levels[0].rgb * (0.6 + 0.4 * aside) + key_colour.rgb * (across * lit * 0.55);
    return own * light * tone + shine * key_colour.rgb * (0.3 + 0.7 * own);
}

void main() {
    int piece = gl_VertexID / 6, corner = gl_VertexID % 6;
    int s = piece / (count - 1), j = piece % (count - 1);
    float part = float(j) / float(count - 1);
    float thick = width * (1.0 - taper * part);
    coverage = min(thick, 1.0);
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // outside the picture
    vec3 a = in_pixels(points[s * count + j].xyz), b = in_pixels(points[s * count + j + 1].xyz), d = b - a;
    int steps = int(max(abs(d.x), abs(d.y))) + 1;
    if ((coverage > SOLID) != solid || steps > 300) return;
    bool steep = abs(d.y) > abs(d.x);
    float from = steep ? a.y : a.x, run = steep ? d.y : d.x, aside = steep ? a.x : a.y, rise = steep ? d.x : d.y;
    float last = from + run * float(steps - 1) / float(steps);
    float low = floor(min(from, last)), high = floor(max(from, last)) + 1.0;
    float slope = abs(run) > 1e-6 ? rise / run : 0.0;
    // The engine on the processor takes steps below a pixel and meets some pixels twice.
    float blend = 1.0 - pow(1.0 - coverage, float(steps) / (high - low));
    paint = vec4(colour_of(s, j, part), blend);
    float main_place = corner == 0 || corner == 3 || corner == 5 ? low : high;
    float side = corner == 0 || corner == 1 || corner == 3 ? -1.0 : 1.0;
    float half_width = float(int(thick * 0.5 + 0.25)) + 0.5;
    float way = main_place - from, other = aside + way * slope + side * half_width;
    vec2 pixel = steep ? vec2(other, main_place) : vec2(main_place, other);
    float z = a.z - 0.04 + (abs(run) > 1e-6 ? way / run : 0.0) * d.z;
    gl_Position = vec4(pixel / picture.x * 2.0 - 1.0, 2.0 * depth_of(z) - 1.0, 1.0);
}
