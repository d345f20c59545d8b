// The table of graphs, those selected first, and its download.
const ROWS = 200, OFFERED = 10;

function listed() {
  const wanted = $("find").value.trim().toLowerCase(), own = task(), chosen = chosenHere();
  const error = errorsAt(own, state.epoch).error;
  const byError = own.graphs.map((_, graph) => graph).filter((graph) => Number.isFinite(error[graph]))
    .sort((a, b) => error[a] - error[b]);
  if (wanted) {
    const found = byError.filter((graph) => labels[own.graphs[graph]].toLowerCase().includes(wanted));
    return { rows: found, said: `${found.length.toLocaleString("en")} labels contain “${wanted}”` };
  }
  if (chosen.length) return { rows: chosen, said: "" };
  const marked = byError.filter((graph) => highlighted.has(own.graphs[graph])).slice(0, ROWS);
  const best = byError.filter((graph) => !highlighted.has(own.graphs[graph])).slice(0, OFFERED);
  const first = marked.length ? "the highlighted graphs (◆), then those with" : "these have";
  return { rows: [...marked, ...best], said: `Nothing is selected: ${first} the lowest errors.` };
}

function tableColumns() {
  const keys = ["error", "sd", "gain", "clustering", "path_length", state.x, state.y, state.colour];
  return [...new Set(keys)].map(columnOf).filter(Boolean);
}

function cellOf(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  if (tag === "th") cell.scope = "col";
  return cell;
}

function row(graph, shown) {
  const own = task(), id = own.graphs[graph], line = document.createElement("tr"), box = document.createElement("input");
  [line.dataset.graph, box.type, box.checked] = [id, "checkbox", state.chosen.has(id)];
  box.setAttribute("aria-label", `Select ${labels[id]}`);
  const first = document.createElement("td"), name = document.createElement("td"), button = document.createElement("button");
  [button.type, button.textContent, button.title] = ["button", named(id), "Show on the map"];
  first.append(box);
  name.append(button);
  line.append(first, name, ...shown.map((column) => cellOf("td", show(column.values(state.epoch)[graph], column.digits))));
  return line;
}

function showList() {
  const { rows, said } = listed(), shown = tableColumns(), chosen = chosenHere(), others = state.chosen.size - chosen.length;
  $("count").textContent = `${chosen.length.toLocaleString("en")} graph${chosen.length === 1 ? "" : "s"} selected`;
  const head = document.createElement("tr");
  head.append(cellOf("th", "selected"), cellOf("th", "graph"), ...shown.map((column) => cellOf("th", column.short)));
  const heads = head.querySelectorAll("th");
  const unseen = document.createElement("span");
  [unseen.className, unseen.textContent] = ["atlas-unseen", "selected"];
  heads[0].replaceChildren(unseen);
  shown.forEach((column, at) => { heads[at + 2].title = column.name; });
  $("table").tHead.replaceChildren(head);
  // The row in use stays in use when the table is made anew.
  const focus = document.activeElement, within = focus && focus.closest("#atlas-table tr"), tag = focus && focus.tagName;
  $("table").tBodies[0].replaceChildren(...rows.slice(0, ROWS).map((graph) => row(graph, shown)));
  if (within && within.dataset.graph) {
    const same = $("table").querySelector(`tr[data-graph="${within.dataset.graph}"] ${tag}`);
    (same || $("table").parentElement).focus();
  }
  const notes = [said];
  if (rows.length > ROWS) notes.push(`${(rows.length - ROWS).toLocaleString("en")} more rows, all of them in the CSV`);
  if (others) notes.push(`${others.toLocaleString("en")} of the selected graphs are not in this task`);
  $("rest").textContent = notes.filter(Boolean).join(". ");
  [$("csv").disabled, $("clear").disabled] = [!chosen.length, !state.chosen.size];
}

// One line a selected graph: its errors at the epoch shown, seed by seed, and everything known about it.
function csv() {
  const own = task(), rest = columns.filter((column) => column.group !== "Error");
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const number = (value) => (Number.isFinite(value) ? String(value) : "");
  const table = errorsAt(own, state.epoch);
  const kinds = ["error", "sd", "gain", "top5"].filter(columnOf), names = { error: "error_mean", sd: "error_sd", top5: "top5_mean" };
  const head = ["task", "graph", "epoch", "runs", ...kinds.map((kind) => names[kind] || kind),
    ...own.seeds.map((seed) => `error_seed${seed}`), ...rest.map((column) => column.key)];
  const lines = chosenHere().map((graph) => [own.name, labels[own.graphs[graph]], number(own.epochs[state.epoch]),
    number(table.runs[graph]), ...kinds.map((kind) => number(table[kind][graph])),
    ...seedsOf(own, "error", state.epoch, graph).map(number),
    ...rest.map((column) => number(column.values(state.epoch)[graph]))]);
  return [head, ...lines].map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
}

function download() {
  const own = task(), link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `${own.name.replace(/[^\w.-]+/g, "-").slice(0, 60)}-epoch${own.epochs[state.epoch]}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
