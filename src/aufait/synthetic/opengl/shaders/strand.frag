// Hair over the picture; how much of a pixel the thickest strand covers is kept beside it.

flat in vec4 paint;
flat in float coverage;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 hair;

void main() {
    colour = paint;
    hair = vec4(0.0, 0.0, 0.0, coverage);
}
