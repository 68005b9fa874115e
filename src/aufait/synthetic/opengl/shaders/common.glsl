// What all shaders share after the numbers of device.py: the constants of one frame, names of the buffers, and the maps between cm, pixels and depths.
// Rows of pictures go downwards: row 0 of every target is the top of the picture.

layout(std430, binding = 0) readonly buffer Frame {
    vec4 eye;                      // xyz cm, focal length in pixels
    vec4 picture;                  // side while drawing, side of the result, nearest and farthest distance in cm
    vec4 key_direction;            // xyz, radius of the shadow's edge in texels
    vec4 key_colour;               // rgb, factor on highlights of skin
    vec4 key_basis[3];             // rows: right, down, away
    vec4 ambient_base;             // rgb, number of directions
    vec4 head_center;              // xyz cm
    vec4 head_rotation[3];         // rows
    vec4 eyeballs[6];              // two times twelve numbers, see shading.Looks.eyes
    vec4 eye_rotation[6];          // two times three rows
    vec4 sensor;                   // aimed level times exposure, shot noise, read noise, contrast
    vec4 balance;                  // rgb, saturation
    vec4 blur;                     // spread of red and of green light in pixels
    vec4 ambient_direction[DIRECTIONS];
    vec4 ambient_light[DIRECTIONS];
    vec4 ambient_basis[3 * DIRECTIONS];
};

#define POSITIONS layout(std430, binding = 1) readonly buffer Positions { float positions[]; };
#define NORMALS layout(std430, binding = 2) readonly buffer Normals { float normals[]; };
#define TRIANGLES layout(std430, binding = 3) readonly buffer Triangles { ivec4 triangles[]; };  // corners, what it is made of
#define TEXTURE_PLACES layout(std430, binding = 4) readonly buffer TexturePlaces { vec2 texture_places[]; };
#define NEUTRAL layout(std430, binding = 5) readonly buffer Neutral { float neutral[]; };
#define IRRADIANCE layout(std430, binding = 6) buffer Irradiance { vec4 irradiance[]; };
#define IN_VIEW layout(std430, binding = 7) buffer InView { uint in_view[]; };
#define LEVELS layout(std430, binding = 8) buffer Levels { vec4 levels[]; };  // light around the head; exposure
#define FLAT_PAINT layout(std430, binding = 9) readonly buffer FlatPaint { vec4 flat_paint[]; };  // rgb and highlight; exponent
#define POINTS layout(std430, binding = 10) buffer Points { vec4 points[]; };
#define ROWS layout(std430, binding = 11) readonly buffer Rows { int rows[]; };
#define EXTRA layout(std430, binding = 12) readonly buffer Extra { vec4 extra[]; };
#define PAINTS layout(std430, binding = 15) buffer Paints { vec4 paints[]; };  // colours of pieces of hair
#define RESULT layout(std430, binding = 13) buffer Result { uint result[]; };

#define VECTOR(values, i) vec3(values[3 * (i)], values[3 * (i) + 1], values[3 * (i) + 2])

const float MAP_REACH = 64.0;      // depth of the maps in cm, before and behind the middle

// Bits of the fourth number of a triangle.
int material_of(ivec4 triangle) { return triangle.w & 0xffff; }
bool one_sided(ivec4 triangle) { return (triangle.w & 0x10000) != 0; }
uint part_of(ivec4 triangle) { return uint(triangle.w >> 20); }

vec3 in_pixels(vec3 p) {
    float z = max(eye.z - p.z, 0.5);
    return vec3(0.5 * picture.x + eye.w * (p.x - eye.x) / z, 0.5 * picture.x - eye.w * (p.y - eye.y) / z, z);
}

// Depths are kept as a linear function of 1 / distance, which is what stays linear in a picture.
float depth_of(float z) { return (1.0 / picture.z - 1.0 / z) / (1.0 / picture.z - 1.0 / picture.w); }
float distance_of(float depth) { return 1.0 / (1.0 / picture.z - depth * (1.0 / picture.z - 1.0 / picture.w)); }

vec4 clip_place(vec3 seen) {
    vec2 place = seen.xy / picture.x * 2.0 - 1.0;
    return vec4(place * seen.z, (2.0 * depth_of(seen.z) - 1.0) * seen.z, seen.z);
}

// x, y in texels of a map of `size` texels, depth along its view in cm.
vec3 in_map(vec3 p, vec3 right, vec3 down, vec3 away, int size) {
    return vec3(vec2(dot(right, p), dot(down, p)) * (float(size) / MAP_SPAN) + 0.5 * float(size), dot(away, p));
}

vec3 in_shadow_map(vec3 p) { return in_map(p, key_basis[0].xyz, key_basis[1].xyz, key_basis[2].xyz, SHADOW_SIZE); }

float cm_of_map(float depth) { return (2.0 * depth - 1.0) * MAP_REACH; }
