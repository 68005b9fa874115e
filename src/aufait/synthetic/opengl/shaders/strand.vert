// One piece of a strand of hair: a bar of pixels along its longer axis.

POINTS
PAINTS

uniform int count;        // points of a strand
uniform float width;      // pixels at the root
uniform float taper;
uniform bool solid;       // pieces that hide what is behind them, or those that do not

flat out vec4 paint;      // colour and how much of it
flat out float coverage;

void main() {
    int piece = gl_VertexID / 6, corner = gl_VertexID % 6;
    int j = piece % (count - 1), i = piece / (count - 1) * count + j;
    float thick = width * (1.0 - taper * float(j) / float(count - 1));
    coverage = min(thick, 1.0);
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // outside the picture
    vec3 a = in_pixels(points[i].xyz), d = in_pixels(points[i + 1].xyz) - a;
    int steps = int(max(abs(d.x), abs(d.y))) + 1;
    if ((coverage > SOLID) != solid || steps > 300) return;
    bool steep = abs(d.y) > abs(d.x);
    float from = steep ? a.y : a.x, run = steep ? d.y : d.x, aside = steep ? a.x : a.y, rise = steep ? d.x : d.y;
    float last = from + run * float(steps - 1) / float(steps);
    float low = floor(min(from, last)), high = floor(max(from, last)) + 1.0;
    float inverse = abs(run) > 1e-6 ? 1.0 / run : 0.0;
    // The engine on the processor takes steps below a pixel and meets some pixels twice.
    paint = vec4(paints[i].rgb, 1.0 - pow(1.0 - coverage, float(steps) / (high - low)));
    float place = corner == 0 || corner == 3 || corner == 5 ? low : high;
    float side = corner == 0 || corner == 1 || corner == 3 ? -1.0 : 1.0;
    float half_width = float(int(thick * 0.5 + 0.25)) + 0.5;
    float way = (place - from) * inverse, other = aside + way * rise + side * half_width;
    vec2 pixel = steep ? vec2(other, place) : vec2(place, other);
    gl_Position = vec4(pixel / picture.x * 2.0 - 1.0, 2.0 * depth_of(a.z - 0.04 + way * d.z) - 1.0, 1.0);
}
