// Light inside the mouth (see assembly.light_mouth) and the light around the head that falls on hair. One group does all.

#define GROUP 256

layout(local_size_x = GROUP) in;
IRRADIANCE
LEVELS
ROWS          // the landmarks' vertices, then those inside the mouth
EXTRA         // share of the light that reaches each vertex inside the mouth
uniform int landmarks;
uniform int inside;

shared vec3 sums[GROUP];

vec3 mean_light(uint me) {
    vec3 sum = vec3(0.0);
    for (int i = int(me); i < landmarks; i += GROUP) sum += irradiance[rows[i]].rgb;
    sums[me] = sum;
    barrier();
    vec3 total = vec3(0.0);
    for (int i = 0; i < GROUP; i++) total += sums[i];
    barrier();
    return total / float(landmarks);
}

void main() {
    uint me = gl_LocalInvocationID.x;
    vec3 around = mean_light(me);
    for (int i = int(me); i < inside; i += GROUP) {
        int vertex = rows[landmarks + i];
        irradiance[vertex].rgb = (0.55 * irradiance[vertex].rgb + 0.45 * around) * extra[i].rgb;
    }
    memoryBarrierBuffer();
    barrier();
    vec3 after = mean_light(me);
    if (me == 0u) levels[0] = vec4(after * 0.8 + 0.02, 0.0);
}
