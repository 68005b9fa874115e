// A lens over what is behind it, with a plain glare towards the light (see drawing/lenses.py).

NORMALS
TRIANGLES
LEVELS
layout(binding = 0) uniform sampler2D numbers;
layout(binding = 1) uniform sampler2D depths;
uniform vec4 tint;          // rgb, opacity
uniform vec2 highlight;     // strength, exponent
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 hair;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    int t = int(texelFetch(numbers, at, 0).r) - 1;
    if (t < 0) discard;
    ivec4 corners = triangles[t];
    vec3 normal = (VECTOR(normals, corners.x) + VECTOR(normals, corners.y) + VECTOR(normals, corners.z)) / 3.0;
    vec3 middle = normalize(key_direction.xyz + vec3(0.0, 0.0, 1.0)), ambient = levels[0].rgb;
    vec3 shine = highlight.x * pow(abs(dot(normal, middle)), highlight.y) * key_colour.rgb;
    colour = vec4(tint.rgb * (ambient + 0.3 * key_colour.rgb) + shine + 0.04 * ambient, tint.a);
    hair = vec4(0.0);
    gl_FragDepth = texelFetch(depths, at, 0).r;
}
