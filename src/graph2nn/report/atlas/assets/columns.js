// What can stand on an axis or be a colour: errors at an epoch, measures of a graph, costs of its network.
const finite = (values) => Array.from(values).filter(Number.isFinite);
const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN);

function spread(values) {
  if (values.length < 2) return NaN;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

// Errors of one graph at one epoch, a number a seed (NaN where there is none); errors are [epochs, seeds, graphs].
const seedsOf = (task, kind, epoch, graph) => task.seeds.map((_, seed) =>
  task.errors[kind][(epoch * task.seeds.length + seed) * task.graphs.length + graph]);
const baselineSeeds = (task, kind, epoch) => task.baseline === null ? []
  : finite(task.seeds.map((_, seed) => task.baseline[kind][epoch * task.seeds.length + seed]));

// Mean, spread, top-5 and gain of every graph of a task at an epoch, worked out once.
function errorsAt(task, epoch) {
  if (!task.tables.has(epoch)) {
    const each = task.graphs.map((_, graph) => finite(seedsOf(task, "error", epoch, graph)));
    const error = each.map(mean), base = mean(baselineSeeds(task, "error", epoch));
    task.tables.set(epoch, { error, sd: each.map(spread), gain: error.map((value) => base - value), base,
      runs: each.map((values) => values.length),
      top5: "top5" in task.errors
        ? task.graphs.map((_, graph) => mean(finite(seedsOf(task, "top5", epoch, graph)))) : [] });
  }
  return task.tables.get(epoch);
}

// `better` is the end of the column that is good; the other end is cut off the colour scale.
function columnsOf(task) {
  const { score } = task, several = task.seeds.length > 1, top5 = "top5" in task.errors;
  const own = [
    { key: "error", name: score.unit ? `${score.name} (${score.unit})` : score.name, better: "low",
      short: score.unit === "%" ? "error (%)" : score.name },
    top5 && { key: "top5", name: "top-5 error (%)", short: "top-5 error (%)", better: "low" },
    task.baseline && { key: "gain", name: `gain over the baseline (${score.difference})`,
      short: `gain (${score.difference})`, better: "high" },
    several && { key: "sd", name: `sd of ${score.name} over seeds`, short: `sd (${score.difference})`, better: "low" },
  ].filter(Boolean).map((column) => ({ ...column, option: column.name, group: "Error", digits: score.digits,
    values: (epoch) => errorsAt(task, epoch)[column.key] }));
  const form = (meaning) => (meaning.endsWith("(symmetrised)") ? ", symmetrised" : "");
  const said = ({ key, symbol, meaning }) => ({ key, short: symbol ? symbol + form(meaning) : meaning, better: "",
    name: symbol ? `${meaning} ${symbol}` : meaning, option: symbol ? `${symbol} – ${meaning}` : meaning });
  const graph = measures.map((column) => {
    const values = task.graphs.map((at) => column.values[at]);
    return { ...said(column), group: "Measures of the graph", values: () => values };
  });
  const network = task.columns.map((column) => {
    const values = Array.from(column.values);
    return { ...said(column), group: "Network", values: () => values };
  });
  return [...own, ...graph, ...network].filter((column) =>
    column.values(task.epochs.length - 1).some(Number.isFinite));
}

// Lowest and highest value on the colour scale, and which ends are cut: graphs that hardly learn would wash
// out the differences that matter, so of twenty points or more the worst tenth share the last colour.
function colourRange(column, values, base) {
  const sorted = finite(values).sort((a, b) => a - b);
  if (!sorted.length) return { low: 0, high: 1, cut: "" };
  let low = sorted[0], high = sorted[sorted.length - 1], cut = "";
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  if (column.better && sorted.length >= 20) {
    const own = Number.isFinite(base) ? base : at(0.5);
    if (column.better === "low" && Math.max(at(0.9), own) < high) [high, cut] = [Math.max(at(0.9), own), "high"];
    if (column.better === "high" && Math.min(at(0.1), own) > low) [low, cut] = [Math.min(at(0.1), own), "low"];
  }
  return low < high ? { low, high, cut } : { low: low - 0.5, high: high + 0.5, cut: "" };
}

function show(value, digits) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 1e-12) return "0";  // rounding of a sum that is nought
  let text = digits === undefined ? String(Number(value.toPrecision(4))) : value.toFixed(digits);
  if (Number.isInteger(value) && digits === undefined) text = value.toLocaleString("en");
  return text.replace(/^-(?=0*\.?0*$)/, "").replace("-", "−");
}
