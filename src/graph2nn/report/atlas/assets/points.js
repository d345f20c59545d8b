// What is shown now, and the points that follow from it: a graph each, or a cell of graphs each.
const state = { task: 0, level: "graphs", x: "clustering", y: "path_length", colour: "error", epoch: 0,
  fixed: false, chosen: new Set(), graph: null };
let points = { x: [], y: [], colour: [], members: [], best: [], cell: [], left: 0, off: 0 };
let columns = [];

const task = () => taskOf(state.task);
const columnOf = (key) => columns.find((column) => column.key === key);
const onPlane = () => (state.x === "clustering" && state.y === "path_length")
  || (state.x === "path_length" && state.y === "clustering");

// Low and high edge of cell `at` (from 1) along an axis of the grid; the complete graph lies one beyond the last.
function cellEdges([low, high], cells, at) {
  const step = (high - low) / cells;
  return [low + (at - 1) * step, low + at * step];
}

function groups() {
  const own = task(), error = errorsAt(own, state.epoch).error;
  // A graph that falls into parts is off the plane: its L is over some pairs only.
  const usesL = state.x === "path_length" || state.y === "path_length";
  const shown = own.graphs.map((_, graph) => graph)
    .filter((graph) => !own.off.has(graph) || (!usesL && state.level === "graphs"));
  if (state.level === "graphs") return shown.map((graph) => ({ members: [graph], best: graph, cell: null }));
  const grid = own.cells[state.level], found = new Map();
  shown.forEach((graph) => {
    const key = `${grid.i[graph]},${grid.j[graph]}`;
    if (!found.has(key)) {
      found.set(key, { members: [], best: graph, cell: { i: grid.i[graph], j: grid.j[graph],
        C: cellEdges(grid.C, grid.cells, grid.i[graph]), L: cellEdges(grid.L, grid.cells, grid.j[graph]) } });
    }
    const group = found.get(key);
    group.members.push(graph);
    if (error[graph] < error[group.best]) group.best = graph;
  });
  return [...found.values()];
}

function place(group, key, values) {
  if (group.cell && key === "clustering") return mean(group.cell.C);
  if (group.cell && key === "path_length") return mean(group.cell.L);
  return group.members.length === 1 ? values[group.members[0]] : mean(finite(group.members.map((g) => values[g])));
}

function makePoints() {
  const [x, y, colour] = [state.x, state.y, state.colour].map((key) => columnOf(key).values(state.epoch));
  const made = groups().map((group) => ({ ...group, x: place(group, state.x, x), y: place(group, state.y, y),
    colour: mean(finite(group.members.map((g) => colour[g]))) }));
  const whole = made.filter((point) => [point.x, point.y, point.colour].every(Number.isFinite));
  // The best are drawn last, on top.
  const sign = columnOf(state.colour).better === "high" ? 1 : -1;
  whole.sort((a, b) => sign * (a.colour - b.colour));
  const inside = made.reduce((sum, { members }) => sum + members.length, 0);
  points = { left: made.length - whole.length, off: task().graphs.length - inside };
  ["x", "y", "colour", "members", "best", "cell"].forEach((key) => { points[key] = whole.map((point) => point[key]); });
}

// The highlighted graphs of a point.
const markedOf = (at) => points.members[at].map((graph) => task().graphs[graph]).filter((id) => highlighted.has(id));

// The point that holds the graph last looked at, or -1.
function cursor() {
  const at = task().graphs.indexOf(state.graph);
  return at < 0 ? -1 : points.members.findIndex((members) => members.includes(at));
}
const isChosen = (at) => points.members[at].every((graph) => state.chosen.has(task().graphs[graph]));
const chosenHere = () => {
  const error = errorsAt(task(), state.epoch).error;
  return task().graphs.map((_, graph) => graph).filter((graph) => state.chosen.has(task().graphs[graph]))
    .sort((a, b) => (error[a] - error[b]) || (Number.isNaN(error[a]) - Number.isNaN(error[b])));
};

function choose(graphs, on) {
  graphs.forEach((graph) => state.chosen[on ? "add" : "delete"](task().graphs[graph]));
}
