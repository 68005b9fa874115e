// Light, albedo and highlight of every covered pixel; the same steps as drawing/shading.py.

layout(local_size_x = 8, local_size_y = 8) in;
POSITIONS
NORMALS
TRIANGLES
TEXTURE_PLACES
NEUTRAL
IRRADIANCE
FLAT_PAINT
layout(binding = 0) uniform sampler2D numbers;
layout(binding = 1) uniform sampler2D face;
layout(binding = 2) uniform sampler2D head;
layout(binding = 3) uniform sampler2D slopes;
layout(binding = 4) uniform sampler2D shadow_map;
layout(rgba32f, binding = 0) uniform writeonly image2D light_out;    // rgb, 1 on skin
layout(rgba32f, binding = 1) uniform writeonly image2D albedo_out;   // rgb, 1 where something is
layout(rgba32f, binding = 2) uniform writeonly image2D shine_out;

vec3 corner_weights(vec2 p, vec3 a, vec3 b, vec3 c) {
    vec2 ab = b.xy - a.xy, ac = c.xy - a.xy, ap = p - a.xy;
    float area = ab.x * ac.y - ac.x * ab.y;
    if (area == 0.0) return vec3(1.0, 0.0, 0.0);
    float w1 = (ap.x * ac.y - ac.x * ap.y) / area, w2 = (ab.x * ap.y - ap.x * ab.y) / area;
    vec3 w = max(vec3(1.0 - w1 - w2, w1, w2), 0.0) / vec3(a.z, b.z, c.z);  // just outside an edge counts as on it
    return w / (w.x + w.y + w.z);
}

vec3 between(vec3 a, vec3 b, vec3 c, vec3 w) { return w.x * a + w.y * b + w.z * c; }

vec3 unit(vec3 v, float least) { return v / sqrt(dot(v, v) + least); }

// The normal turned by the height map's gradient (Mikkelsen).
vec3 tilted(vec3 e1, vec3 e2, vec2 t1, vec2 t2, vec2 gradient, vec3 normal) {
    vec3 f = cross(e1, e2);
    float square = 1.0 / (dot(f, f) + 1e-12);
    float h1 = dot(gradient, t1) * square, h2 = dot(gradient, t2) * square;
    return unit(normal - h1 * cross(e2, f) - h2 * cross(f, e1), 1e-12);
}

// Iris, pupil and sclera at a neutral point of eyeball j; returns the normal of a rounder cornea than the mesh has.
vec3 eyeball(int j, vec3 p, out vec3 albedo) {
    vec4 first = eyeballs[3 * j], second = eyeballs[3 * j + 1], third = eyeballs[3 * j + 2];
    vec3 d = p - first.xyz, iris_colour = second.yzw, sclera = third.xyz;
    float iris_radius = first.w, pupil = second.x, redness = third.w;
    float radius = d.z < 0.0 ? 9.0 : length(d.xy);
    float angle = atan(d.y, d.x + 1e-12);  // drivers need not know the angle of (0, 0)
    float fibre = 0.80 + 0.20 * sin(angle * 37.0 + 3.0 * sin(angle * 11.0)) * sin(angle * 17.0 + 1.3);
    float t = clamp((radius - pupil) / (iris_radius - pupil), 0.0, 1.0);
    float limbus = 1.0 - 0.78 * clamp((t - 0.60) / 0.40, 0.0, 1.0);
    float in_iris = clamp((iris_radius + 0.05 - radius) / 0.10, 0.0, 1.0);
    float in_pupil = clamp((pupil + 0.02 - radius) / 0.04, 0.0, 1.0);
    float vein = clamp((radius - 0.7) / 0.7, 0.0, 1.0);
    float blood = 0.26 * (0.6 + redness);
    vec3 white = 0.82 * sclera * (1.0 - vec3(0.06, blood, blood) * vein);
    vec3 iris = iris_colour * (fibre * limbus * (0.72 + 0.55 * (1.0 - abs(2.0 * t - 0.7))));
    albedo = mix(white, mix(iris, vec3(0.006), in_pupil), in_iris);
    float bulge = 1.0 + 0.9 * exp(-pow(radius / 0.62, 4.0));
    vec3 e = normalize(vec3(d.xy * bulge, d.z));
    return vec3(dot(eye_rotation[3 * j].xyz, e), dot(eye_rotation[3 * j + 1].xyz, e), dot(eye_rotation[3 * j + 2].xyz, e));
}

// Share of the key light that reaches a point: 3 x 3 taps of a depth map.
float key_share(vec3 p) {
    vec3 at = in_shadow_map(p);
    float lit = 0.0;
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            ivec2 tap = ivec2(at.xy + vec2(i, j) * key_direction.w);
            bool outside = any(lessThan(tap, ivec2(0))) || any(greaterThanEqual(tap, ivec2(SHADOW_SIZE)));
            float z = at.z - SHADOW_BIAS - 0.03 * key_direction.w * float(abs(i) + abs(j));
            if (outside || z < cm_of_map(texelFetch(shadow_map, tap, 0).r)) lit += 1.0;
        }
    return lit / 9.0;
}

// Highlight of the key light (x) and share of the ambient light that is mirrored (y).
vec2 highlight(int m, vec3 normal, vec3 view, float strength, float exponent, float arriving) {
    vec3 h = view + key_direction.xyz;
    float middle = max(dot(normal, h) / sqrt(dot(h, h) + 1e-9), 0.0);
    float rim = 1.0 - clamp(dot(normal, view), 0.0, 1.0);  // a hair below 0 would be no number after pow
    float fresnel = pow(rim, 5.0);
    float shine = m <= HEAD ? strength * (0.98 * pow(middle, 12.0) + 0.75 * pow(middle, 45.0)) * arriving
                            : strength * (exponent + 8.0) / 25.0 * pow(middle, exponent) * arriving;
    float mirror = strength * 0.35 + 0.30 * fresnel * min(strength * 8.0, 1.0);
    if (m == EYE_LEFT || m == EYE_RIGHT) return vec2(min(shine, 3.0), 0.003 + 0.05 * fresnel);
    return vec2(shine, mirror);
}

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (any(greaterThanEqual(at, textureSize(numbers, 0)))) return;
    int t = int(texelFetch(numbers, at, 0).r) - 1;
    if (t < 0) {
        imageStore(light_out, at, vec4(0.0));
        imageStore(albedo_out, at, vec4(0.0));
        imageStore(shine_out, at, vec4(0.0));
        return;
    }
    ivec4 corners = triangles[t];
    vec3 a = VECTOR(positions, corners.x), b = VECTOR(positions, corners.y), c = VECTOR(positions, corners.z);
    vec3 w = corner_weights(vec2(at) + 0.5, in_pixels(a), in_pixels(b), in_pixels(c));
    vec3 p = between(a, b, c, w);
    vec3 normal = unit(
        between(VECTOR(normals, corners.x), VECTOR(normals, corners.y), VECTOR(normals, corners.z), w), 1e-12);
    vec3 view = normalize(eye.xyz - p), albedo;
    float smooth_up = normal.y, tilt = 1.0, strength, exponent = SKIN_EXPONENT;
    int m = material_of(corners);
    if (m <= HEAD) {
        vec2 ta = texture_places[3 * t], tb = texture_places[3 * t + 1], tc = texture_places[3 * t + 2];
        vec2 place = w.x * ta + w.y * tb + w.z * tc;
        place.y = 1.0 - place.y;
        vec4 texel = m == FACE ? textureLod(face, place, 0.0) : textureLod(head, place, 0.0);
        albedo = texel.rgb;
        strength = texel.a * key_colour.w;
        if (m == FACE) {
            vec3 bump = textureLod(slopes, place, 0.0).xyz;
            float cavity = clamp(bump.z, 0.0, 1.4);
            albedo *= exp(vec3(-0.30, -0.46, -0.52) * cavity);
            strength *= exp(-0.5 * cavity);
            normal = tilted(b - a, c - a, tb - ta, tc - ta, bump.xy, normal);
            // Ambient light is per vertex; most of it comes from above: what the bump turns up or down gains or loses.
            tilt = max(1.0 + 0.6 * (normal.y - smooth_up), 0.2);
        }
    } else if (m == EYE_LEFT || m == EYE_RIGHT) {
        vec3 q = between(VECTOR(neutral, corners.x), VECTOR(neutral, corners.y), VECTOR(neutral, corners.z), w);
        normal = eyeball(m - EYE_LEFT, q, albedo);
        strength = 0.30;
        exponent = 500.0;
    } else {
        albedo = flat_paint[2 * (m - SOCKET)].rgb;
        strength = flat_paint[2 * (m - SOCKET)].a;
        exponent = flat_paint[2 * (m - SOCKET) + 1].x;
        if (m >= PROP && dot(normal, view) < 0.0) normal = -normal;  // props are two-sided
    }
    float cosine = dot(normal, key_direction.xyz);
    float lit = cosine > -0.15 ? key_share(p) : 0.0;
    float diffuse = max((cosine + 0.12) / 1.12, 0.0) * lit;
    vec2 shine = highlight(m, normal, view, strength, exponent, max(cosine, 0.0) * lit);
    vec3 ambient = between(irradiance[corners.x].rgb, irradiance[corners.y].rgb, irradiance[corners.z].rgb, w) * tilt;
    imageStore(light_out, at, vec4(ambient + key_colour.rgb * diffuse, m <= HEAD ? 1.0 : 0.0));
    imageStore(albedo_out, at, vec4(albedo, 1.0));
    imageStore(shine_out, at, vec4(key_colour.rgb * shine.x + ambient * shine.y, 0.0));
}
