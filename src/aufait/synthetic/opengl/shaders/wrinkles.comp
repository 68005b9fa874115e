// Height and darkening of the skin: what the person has at rest, and the wrinkle layers in proportion to their amounts.

layout(local_size_x = 8, local_size_y = 8) in;
ROWS      // row, column, rows, columns and start of every layer that shows
EXTRA     // height and cavity of all layers' texels, two texels in one entry
layout(std430, binding = OTHER) readonly buffer Amounts { float amounts[]; };
layout(binding = 0) uniform sampler2D rest;
layout(rg32f, binding = 0) uniform writeonly image2D relief;
uniform int layers;

void main() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    if (any(greaterThanEqual(at, textureSize(rest, 0)))) return;
    vec2 sum = texelFetch(rest, at, 0).rg;
    for (int i = 0; i < layers; i++) {
        ivec2 inside = at.yx - ivec2(rows[5 * i], rows[5 * i + 1]), sides = ivec2(rows[5 * i + 2], rows[5 * i + 3]);
        if (any(lessThan(inside, ivec2(0))) || any(greaterThanEqual(inside, sides))) continue;
        int k = rows[5 * i + 4] + inside.x * sides.y + inside.y;
        vec4 pair = extra[k / 2];
        sum += amounts[i] * (k % 2 == 0 ? pair.xy : pair.zw);
    }
    imageStore(relief, at, vec4(sum, 0.0, 0.0));
}
