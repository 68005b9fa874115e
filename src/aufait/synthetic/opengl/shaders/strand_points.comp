// Where the points of a person's hair are in this frame: root on the posed skin, offset turned with the head.

layout(local_size_x = 64) in;
POSITIONS
POINTS
ROWS     // three corners of each strand's root
EXTRA    // weights of the corners of every strand, then the offsets of all points
uniform int strands;
uniform int count;

void main() {
    int i = int(gl_GlobalInvocationID.x);
    if (i >= strands * count) return;
    int s = i / count;
    vec3 weight = extra[s].xyz, offset = extra[strands + i].xyz;
    vec3 root = weight.x * VECTOR(positions, rows[3 * s]) + weight.y * VECTOR(positions, rows[3 * s + 1])
        + weight.z * VECTOR(positions, rows[3 * s + 2]);
    vec3 turned = vec3(dot(head_rotation[0].xyz, offset), dot(head_rotation[1].xyz, offset), dot(head_rotation[2].xyz, offset));
    points[i] = vec4(root + turned, 0.0);
}
