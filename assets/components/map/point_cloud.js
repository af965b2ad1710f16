/* Points on the graphics card. The bytes from the server are the vertex buffer as they are; only colours change. */

const VERTEX = `#version 300 es
in float px; in float py; in vec4 tint; in float lit;
uniform vec2 centre; uniform vec2 factor; uniform float size; uniform float pass;
out vec4 colour;
void main() {
  // three passes, so that grey points never cover coloured ones, nor these the suspects; others go out of sight
  gl_Position = abs(lit - pass / 2.0) < 0.2 ? vec4((vec2(px, py) - centre) * factor, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
  colour = vec4(tint.rgb * tint.a, tint.a);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour; uniform float size; out vec4 shown;
void main() {
  vec2 away = gl_PointCoord - 0.5;
  // below four pixels a disc cannot be told from a square, and the square is cheaper
  float edge = size < 4.0 ? 1.0 : clamp((0.5 - length(away)) * size + 0.5, 0.0, 1.0);
  if (edge <= 0.0) discard;
  shown = colour * edge;
}`;

export class PointCloud {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: false });
    this.n = 0;
    if (this.gl) this.prepare();
  }

  prepare() {
    const { gl } = this;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(this.program));
    this.at = Object.fromEntries(["centre", "factor", "size", "pass"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.places = gl.createBuffer();
    this.tints = gl.createBuffer();
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    if (this.bytes) this.setPoints(this.bytes, this.n);
    if (this.colours) this.setColours(this.colours);
  }

  attribute(name, buffer, count, type, stride, offset) {
    const { gl } = this, where = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(where);
    gl.vertexAttribPointer(where, count, type, type === gl.UNSIGNED_BYTE, stride, offset);
  }

  setPoints(bytes, n) {
    const { gl } = this;
    Object.assign(this, { bytes, n });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(bytes, 0, 4 * n), gl.STATIC_DRAW);
  }

  /* 5 bytes a point would be unaligned: 8 are sent, red green blue alpha lit and three spare. */
  setColours(colours) {
    const { gl } = this;
    this.colours = colours;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.tints);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.DYNAMIC_DRAW);
  }

  draw(view, size) {
    const { gl, n } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!n) return;
    gl.useProgram(this.program);
    this.attribute("px", this.places, 1, gl.UNSIGNED_SHORT, 0, 0);
    this.attribute("py", this.places, 1, gl.UNSIGNED_SHORT, 0, 2 * n);
    this.attribute("tint", this.tints, 4, gl.UNSIGNED_BYTE, 8, 0);
    this.attribute("lit", this.tints, 1, gl.UNSIGNED_BYTE, 8, 4);
    gl.uniform2f(this.at.centre, view.x, view.y);
    gl.uniform2f(this.at.factor, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    for (const pass of [0, 1, 2]) {
      // one suspect among fifty thousand has to be seen
      gl.uniform1f(this.at.size, pass === 2 ? Math.max(size * 1.5, 5) : size);
      gl.uniform1f(this.at.pass, pass);
      gl.drawArrays(gl.POINTS, 0, n);
    }
  }

  /* Waits until the pixels are really there (a frame callback fires before a software renderer has finished). */
  settle() {
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  free() {
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
