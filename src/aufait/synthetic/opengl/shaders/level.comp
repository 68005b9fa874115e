// Exposure for the skin in view, and which landmarks can be seen. One group does all.

layout(local_size_x = 256) in;
POSITIONS
LEVELS
ROWS      // the landmarks' vertices
RESULT    // after the picture and its parts: 1 for each landmark in view
layout(binding = 0) uniform sampler2D small;
layout(binding = 1) uniform sampler2D depths;
uniform int landmarks;

const float TOLERANCE = 0.7;  // cm behind something nearer
shared vec2 sums[256];

void main() {
    int me = int(gl_LocalInvocationID.x), size = int(picture.y);
    vec2 sum = vec2(0.0);
    for (int i = me; i < size * size; i += 256) {
        vec4 here = texelFetch(small, ivec2(i % size, i / size), 0);
        if (here.a > 0.9) sum += vec2(here.r + here.g + here.b, 3.0);
    }
    sums[me] = sum;
    barrier();
    for (int half_way = 128; half_way > 0; half_way /= 2) {
        if (me < half_way) sums[me] += sums[me + half_way];
        barrier();
    }
    float level = sums[0].y > 0.0 ? sums[0].x / sums[0].y : 0.3;
    if (me == 0) levels[1] = vec4(sensor.x / max(level, 1e-3));
    if (me < landmarks) {
        vec3 seen = in_pixels(VECTOR(positions, rows[me]));
        ivec2 at = ivec2(floor(seen.xy));
        bool inside = all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, ivec2(picture.x)));
        bool open = inside && seen.z < distance_of(texelFetch(depths, at, 0).r) + TOLERANCE;
        result[2 * size * size + me] = open ? 1u : 0u;
    }
}
