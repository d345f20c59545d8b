// Packed numbers and graphs back into arrays.
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };

function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function unpack({ type, scale, data }) {
  const stored = new TYPES[type](bytesOf(data).buffer);
  if (type === "f8") return stored;
  const gap = 2 ** (8 * stored.BYTES_PER_ELEMENT) - 1;
  return Float64Array.from(stored, (value) => (value === gap ? NaN : value / scale));
}

// The graphs one after the other: kind 0 is not drawn, 1 pairs i < j, 2 all n² entries.
function unpackEdges(packed) {
  const kind = unpack(packed.kind), n = unpack(packed.n), bytes = bytesOf(packed.data), start = [0];
  kind.forEach((own, g) => {
    const bits = own === 1 ? (n[g] * (n[g] - 1)) / 2 : own === 2 ? n[g] * n[g] : 0;
    start.push(start[g] + Math.ceil(bits / 8));
  });
  return (g) => {
    if (!kind[g]) return null;
    const size = n[g], matrix = new Uint8Array(size * size);
    const bit = (at) => (bytes[start[g] + (at >> 3)] >> (7 - (at & 7))) & 1;
    let at = 0;
    for (let i = 0; i < size; i += 1) {
      for (let j = kind[g] === 1 ? i + 1 : 0; j < size; j += 1, at += 1) {
        if (!bit(at)) continue;
        matrix[i * size + j] = 1;
        if (kind[g] === 1) matrix[j * size + i] = 1;
      }
    }
    return { n: size, directed: kind[g] === 2, matrix };
  };
}

function unpackTask(task) {
  const errors = (packed) => packed && Object.fromEntries(
    Object.entries(packed).map(([key, values]) => [key, unpack(values)]));
  const cells = Object.fromEntries(Object.entries(task.cells).map(([level, grid]) =>
    [level, { ...grid, i: unpack(grid.i), j: unpack(grid.j) }]));
  const columns = task.columns.map((column) => ({ ...column, values: unpack(column.values) }));
  return { ...task, off: new Set(task.off), graphs: Array.from(unpack(task.graphs)), errors: errors(task.errors),
    baseline: errors(task.baseline), columns, cells, tables: new Map() };
}

const packed = JSON.parse(document.getElementById("atlas-data").textContent);
const labels = packed.labels;
const highlighted = new Set(packed.highlighted);
// The label of a graph, with a mark where it is highlighted.
const named = (id) => `${highlighted.has(id) ? "◆ " : ""}${labels[id]}`;
const graphOf = unpackEdges(packed.edges);
// Names of the nodes of a graph that is drawn, or nothing where they are numbers.
const namesOf = (id) => packed.names[id];
const measures = packed.columns.map((column) => ({ ...column, values: unpack(column.values) }));
const unpacked = new Map();
const taskOf = (index) => {
  if (!unpacked.has(index)) unpacked.set(index, unpackTask(packed.tasks[index]));
  return unpacked.get(index);
};
