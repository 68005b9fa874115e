// Depth maps along a direction: triangles (corners in `rows`) or points of hair, for one map or for all directions at once.

POSITIONS
POINTS
ROWS

uniform int directions;   // directions of ambient light; 0 for the map of the key light
uniform int every;       // 0 for triangles; otherwise one point of hair in so many

void main() {
    vec3 p = every > 0 ? points[gl_VertexID * every].xyz : VECTOR(positions, rows[gl_VertexID]);
    vec3 seen;
    vec2 place;
    if (directions == 0) {
        seen = in_shadow_map(p);
        place = seen.xy / float(SHADOW_SIZE) * 2.0 - 1.0;
        gl_ClipDistance[0] = gl_ClipDistance[1] = gl_ClipDistance[2] = gl_ClipDistance[3] = 1.0;
    } else {
        int k = gl_InstanceID;
        vec3 right = ambient_basis[3 * k].xyz, down = ambient_basis[3 * k + 1].xyz, away = ambient_basis[3 * k + 2].xyz;
        seen = in_map(p, right, down, away, VISIBILITY_SIZE);
        vec2 corner = vec2(k % TILES, k / TILES) * float(VISIBILITY_SIZE);
        place = (seen.xy + corner) / float(TILES * VISIBILITY_SIZE) * 2.0 - 1.0;
        gl_ClipDistance[0] = seen.x;
        gl_ClipDistance[1] = seen.y;
        gl_ClipDistance[2] = float(VISIBILITY_SIZE) - seen.x;
        gl_ClipDistance[3] = float(VISIBILITY_SIZE) - seen.y;
    }
    gl_Position = vec4(place, seen.z / MAP_REACH, 1.0);
}
