// The card of the graph pointed at: its picture, its error, its measures.
function line(at) {
  const own = task(), table = errorsAt(own, state.epoch), { cell } = points, members = points.members[at];
  const { digits } = own.score, written = (text) => (own.score.unit === "%" ? `error ${text} %` : `${own.score.name} ${text}`);
  const error = mean(finite(members.map((graph) => table.error[graph])));
  const gain = Number.isFinite(table.base) ? `, gain ${show(table.base - error, digits)} ${own.score.difference}` : "";
  if (cell[at]) {
    return `${written(show(error, digits))}, mean of ${members.length.toLocaleString("en")} `
      + `graph${members.length === 1 ? "" : "s"}${gain}`;
  }
  const sd = table.sd[members[0]], runs = table.runs[members[0]];
  return `${written(`${show(error, digits)}${Number.isFinite(sd) ? ` ± ${show(sd, digits)}` : ""}`)}, `
    + `${runs} seed${runs === 1 ? "" : "s"}${gain}`;
}

function heading(at) {
  const cell = points.cell[at];
  if (!cell) return named(task().graphs[points.best[at]]);
  return `Cell C ${show(cell.C[0])} to ${show(cell.C[1])}, L ${show(cell.L[0])} to ${show(cell.L[1])}`;
}

function showCard() {
  const at = cursor(), card = $("card");
  card.classList.toggle("empty", at < 0);
  $("choose").disabled = at < 0;
  if (at < 0) {
    $("name").textContent = "No graph of this map";
    ["error", "seeds", "edges", "epochs-said", "measures"].forEach((name) => { $(name).textContent = ""; });
    $("choose").textContent = "Select";
    ["portrait", "curve"].forEach((name) => { $(name).hidden = true; });
    return;
  }
  const own = task(), graph = points.best[at];
  $("name").textContent = heading(at);
  $("error").textContent = line(at);
  const seeds = seedsOf(own, "error", state.epoch, graph);
  $("seeds").textContent = points.cell[at] ? `Drawn: its best graph, ${labels[own.graphs[graph]]}`
    : seeds.length > 1 ? `Seeds: ${seeds.map((value) => show(value, own.score.digits)).join(", ")}` : "";
  $("choose").textContent = isChosen(at) ? "Unselect" : points.cell[at] ? "Select its graphs" : "Select";
  $("curve").hidden = own.epochs.length < 2;
  $("epochs-said").textContent = "";
  if (own.epochs.length > 1) {
    drawCurve($("curve"), own, points.members[at], state.epoch);
    $("epochs-said").textContent = `Error over the epochs${own.baseline ? "; thin: the baseline" : ""}.`;
    $("curve").setAttribute("aria-label", `Error over the epochs: ${line(at)} at epoch ${own.epochs[state.epoch]}`);
  }
  showPortrait(own.graphs[graph]);
  showMeasures(graph);
}

// The first names of nodes, and how many more there are.
function listNames(names, most = 60) {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${more.toLocaleString("en")} more` : "");
}

function showPortrait(id) {
  const graph = graphOf(id);
  $("portrait").hidden = !graph;
  if (!graph) {
    $("edges").textContent = "This graph is not in the page as a picture.";
    return;
  }
  const names = namesOf(id), listed = names ? ` Nodes clockwise from the top: ${listNames(names)}.` : "";
  drawCircle($("circle"), graph, names);
  drawMatrix($("matrix"), graph);
  const edges = graph.matrix.reduce((sum, bit) => sum + bit, 0) / (graph.directed ? 1 : 2);
  const said = `${graph.n} nodes, ${edges.toLocaleString("en")} ${graph.directed ? "directed " : ""}edges`;
  $("edges").textContent = `${said}. Left: nodes on a circle. Right: adjacency, row reads column.${listed}`;
  $("circle").setAttribute("aria-label", `${labels[id]} on a circle: ${said}.${listed}`);
  $("matrix").setAttribute("aria-label", `Adjacency matrix of ${labels[id]}: ${said}`);
}

function showMeasures(graph) {
  const items = columns.filter((column) => column.group !== "Error" || column.key === "top5").map((column) => {
    const box = document.createElement("div"), name = document.createElement("dt"), value = document.createElement("dd");
    [name.textContent, name.title] = [column.name, column.name];
    value.textContent = show(column.values(state.epoch)[graph], column.digits);
    box.append(name, value);
    return box;
  });
  $("measures").replaceChildren(...items);
}

// Look at a point: ring, card, and words for those who do not see them.
function look(at, { aloud = false, tip = false } = {}) {
  if (at >= 0) state.graph = task().graphs[points.best[at]];
  const place = moveRing();
  showCard();
  if (aloud && at >= 0) $("said").textContent = `${heading(at)}, ${line(at)}${isChosen(at) ? ", selected" : ""}`;
  const box = $("tip");
  box.style.display = tip && at >= 0 && place.inside ? "block" : "none";
  if (box.style.display === "none") return;
  box.textContent = `${heading(at)}\n${line(at)}`;
  const right = Math.min(place.x + 16, frame.clientWidth - box.offsetWidth - 4);
  box.style.left = `${Math.max(4, right)}px`;
  box.style.top = `${place.y > box.offsetHeight + 24 ? place.y - box.offsetHeight - 16 : place.y + 18}px`;
}
