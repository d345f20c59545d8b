// The map itself: plotly draws the points; pointing at them and walking among them is done here.
const $ = (name) => document.getElementById(`atlas-${name}`);
const plot = $("plot"), frame = $("frame");
let drag = matchMedia("(pointer: coarse)").matches ? "point" : "select";

function range() {
  const column = columnOf(state.colour), own = task();
  const base = column.key === "error" ? errorsAt(own, state.epoch).base : NaN;
  if (!state.fixed || own.epochs.length < 2) return colourRange(column, points.colour, base);
  return colourRange(column, own.epochs.flatMap((_, epoch) => finite(column.values(epoch))), base);
}

// On a narrow map the colour bar lies above it, or it would leave the map no room.
const isNarrow = () => frame.clientWidth < 520;

// Cells on the (C, L) plane fill their squares.
function squares(scale) {
  const grid = task().cells[state.level], size = grid.cells + 1;
  const rows = Array.from({ length: size }, () => new Array(size).fill(null)), swap = state.x !== "clustering";
  points.cell.forEach(({ i, j }, at) => {
    const [row, column] = swap ? [i, j] : [j, i];
    if (row > 0 && column > 0) rows[row - 1][column - 1] = points.colour[at];
  });
  const edges = (bounds) => Array.from({ length: size + 1 }, (_, at) => cellEdges(bounds, grid.cells, at + 1)[0]);
  const [x, y] = swap ? [grid.L, grid.C] : [grid.C, grid.L], gap = grid.cells < 60 ? 0.5 : 0;
  return { type: "heatmap", x: edges(x), y: edges(y), z: rows, zmin: scale.low, zmax: scale.high, hoverinfo: "skip",
    xgap: gap, ygap: gap, showscale: true, ...paint() };
}

function paint() {
  const column = columnOf(state.colour), scale = range(), narrow = isNarrow();
  const title = column.name + { high: ", highest tenth cut", low: ", lowest tenth cut", "": "" }[scale.cut];
  const bar = { title: { text: plain(title), side: narrow ? "top" : "right" }, thickness: 11, outlinewidth: 0 };
  if (narrow) Object.assign(bar, { orientation: "h", y: 1, yanchor: "bottom", ypad: 4, x: 0.5, len: 1 });
  const stops = css("--viridis").split(" ").map((colour, at, all) => [at / (all.length - 1), colour]);
  return { colorscale: stops, reversescale: column.better === "high", colorbar: bar };
}

// Plotly reads tags in texts; labels and names come from tables.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function traces() {
  const scale = range(), size = Math.min(13, Math.max(6, 70 / Math.sqrt(points.x.length)));
  const filled = state.level !== "graphs" && onPlane();
  const made = filled ? [squares(scale)] : [];
  const chosen = points.x.map((_, at) => at).filter(isChosen), some = (values) => chosen.map((at) => values[at]);
  made.push({ type: "scatter", mode: "markers", name: "points", x: points.x, y: points.y, hoverinfo: "skip",
    selectedpoints: null, unselected: { marker: { opacity: filled ? 0 : 1 } },
    marker: { size, color: points.colour, cmin: scale.low, cmax: scale.high, opacity: filled ? 0 : 1,
      symbol: state.level === "graphs" ? "circle" : "square",
      line: { width: points.x.length > 1000 ? 0 : 0.8, color: css("--rim") }, showscale: !filled, ...paint() } });
  made.push({ type: "scatter", mode: "markers", name: "chosen", x: some(points.x), y: some(points.y),
    hoverinfo: "skip", unselected: { marker: { opacity: 1 } },
    marker: { symbol: "circle-open", size: size + 5, color: css("--ink"), line: { width: 2, color: css("--ink") } } });
  const marked = points.x.map((_, at) => at).filter((at) => markedOf(at).length), of = (values) => marked.map((at) => values[at]);
  if (marked.length) {
    made.push({ type: "scatter", mode: "markers+text", name: "highlighted", x: of(points.x), y: of(points.y),
      text: marked.map((at) => plain(markedOf(at).map((id) => labels[id]).join(", "))), textposition: "top center",
      textfont: { color: css("--ink"), size: 12 }, hoverinfo: "skip", cliponaxis: false,
      unselected: { marker: { opacity: 1 }, textfont: { color: css("--ink") } },
      marker: { symbol: "diamond-open", size: size + 17, color: css("--ink"), line: { width: 2, color: css("--ink") } } });
  }
  const base = baselinePlace();
  if (base) {
    made.push({ type: "scatter", mode: "markers", name: "baseline", x: [base.x], y: [base.y], hoverinfo: "skip",
      unselected: { marker: { opacity: 1 } },
      marker: { symbol: "star", size: 17, color: css("--accent"), line: { width: 1, color: css("--ink") } } });
  }
  return made;
}

// The dense baseline lies where the complete graph does; it has an error and a place on (C, L), no other measure.
function baselinePlace() {
  const { base } = errorsAt(task(), state.epoch);
  const at = (key) => ({ clustering: 1, path_length: 1, error: base, gain: 0 })[key];
  const [x, y] = [at(state.x), at(state.y)];
  return Number.isFinite(base) && Number.isFinite(x) && Number.isFinite(y) ? { x, y } : null;
}

function layout() {
  const [ink, line, card] = ["--ink", "--line", "--card"].map(css), { spot } = task();
  const axis = (key) => ({ title: { text: plain(columnOf(key).name), standoff: 8 }, gridcolor: line, linecolor: line,
    zeroline: false, automargin: true });
  const shapes = [];
  if (spot && onPlane()) {
    const [C0, C1, L0, L1] = spot, swap = state.x !== "clustering";
    shapes.push({ type: "rect", ...(swap ? { x0: L0, x1: L1, y0: C0, y1: C1 } : { x0: C0, x1: C1, y0: L0, y1: L1 }),
      line: { dash: "dash", width: 2, color: css("--good") }, fillcolor: "rgba(47,158,91,0.08)",
      layer: points.x.length > 200 ? "above" : "below" });
  }
  return { template: "none", showlegend: false, autosize: true, margin: { l: 52, r: 8, t: 10, b: 46 }, shapes,
    hovermode: false, dragmode: drag === "point" ? false : drag, xaxis: axis(state.x), yaxis: axis(state.y),
    // Another axis or task is another map; the same one keeps its zoom.
    uirevision: `${state.task} ${state.x} ${state.y}`, selections: [], selectionrevision: drawn,
    activeselection: { opacity: 0.2 }, newselection: { line: { color: ink, dash: "dot" } },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: getComputedStyle(document.body).fontFamily, size: 12 }, hoverlabel: { bgcolor: card } };
}

const settings = { responsive: true, displayModeBar: false, doubleClick: "reset", showTips: false, plotlyServerURL: "" };
let drawn = 0, drawnNarrow = null;
// Plotly keeps the bar and the margins of an upright colour bar when the bar is laid down, as after turning a phone:
// the map is then built again, with the zoom it had.
function redraw() {
  drawn += 1;
  const shown = layout(), turned = drawnNarrow !== null && drawnNarrow !== isNarrow();
  if (turned) {
    ["xaxis", "yaxis"].forEach((name) => {
      const { autorange, range: zoomed } = plot._fullLayout[name];
      if (!autorange) shown[name].range = [...zoomed];
    });
    Plotly.purge(plot);
  }
  drawnNarrow = isNarrow();
  return Plotly.react(plot, traces(), shown, settings).then(() => {
    if (turned) wirePlot();
    return moveRing();
  });
}

// Place of a point in the frame, in pixels, and whether it is within the axes.
function pixel(at) {
  const { xaxis, yaxis } = plot._fullLayout, x = xaxis.d2p(points.x[at]), y = yaxis.d2p(points.y[at]);
  const inside = x >= -1 && y >= -1 && x <= xaxis._length + 1 && y <= yaxis._length + 1;
  return { x: x + xaxis._offset, y: y + yaxis._offset, inside };
}

function nearest(x, y, reach) {
  let found = -1, least = reach ** 2;
  for (let at = 0; at < points.x.length; at += 1) {
    const place = pixel(at), gap = (place.x - x) ** 2 + (place.y - y) ** 2;
    if (place.inside && gap <= least) [found, least] = [at, gap];
  }
  return found;
}

// The next point in a direction: near along it, and not far off to the side.
function neighbour(from, dx, dy) {
  const here = pixel(from);
  let found = from, least = Infinity;
  for (let at = 0; at < points.x.length; at += 1) {
    const there = pixel(at), along = (there.x - here.x) * dx + (there.y - here.y) * dy;
    const across = Math.abs((there.x - here.x) * dy) + Math.abs((there.y - here.y) * dx);
    const cost = along + (2 * across ** 2) / along;
    if (there.inside && along > 0.5 && cost < least) [found, least] = [at, cost];
  }
  return found;
}

function moveRing() {
  const at = cursor(), place = at < 0 ? { inside: false } : pixel(at), ring = $("ring");
  ring.style.display = place.inside ? "" : "none";
  if (place.inside) ring.style.transform = `translate(${place.x}px, ${place.y}px)`;
  return place;
}

function zoom(factor) {
  const at = cursor(), { xaxis, yaxis } = plot._fullLayout;
  const around = ({ range: [low, high] }, middle) => [middle - (middle - low) * factor, middle + (high - middle) * factor];
  const centre = (axis, values) => (at < 0 ? (axis.range[0] + axis.range[1]) / 2 : values[at]);
  return Plotly.relayout(plot, { "xaxis.range": around(xaxis, centre(xaxis, points.x)),
    "yaxis.range": around(yaxis, centre(yaxis, points.y)) });
}
