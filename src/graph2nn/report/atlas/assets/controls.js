// Everything that can be pressed, and the first picture.
function fill(select, groups, value) {
  select.replaceChildren(...Object.entries(groups).flatMap(([name, options]) => {
    const made = options.map(([key, text]) => new Option(text, key, false, key === value));
    if (!name) return made;
    const group = document.createElement("optgroup");
    group.label = name;
    group.append(...made);
    return [group];
  }));
}

// After another task: its columns, its epochs; axes it lacks go back to C and L.
function enterTask() {
  const own = task(), last = own.epochs.length - 1;
  columns = columnsOf(own);
  const fallback = { x: "clustering", y: "path_length", colour: "error" };
  Object.keys(fallback).forEach((axis) => {
    if (!columnOf(state[axis])) state[axis] = fallback[axis];
    const groups = {};
    columns.forEach(({ key, option, group }) => { (groups[group] ||= []).push([key, option]); });
    fill($(axis), groups, state[axis]);
  });
  state.epoch = last;
  $("epochs").hidden = last < 1;
  [$("epoch").max, $("epoch").value] = [last, last];
  const count = own.graphs.length.toLocaleString("en"), about = own.about && own.about !== own.name ? `, ${own.about}` : "";
  $("about").textContent = `${own.name}${about}: ${count} graphs, up to ${own.seeds.length} training `
    + `seed${own.seeds.length === 1 ? "" : "s"}, ${last ? `${last + 1} epochs` : `epoch ${own.epochs[last]}`}.`;
}

// Everything but the map itself.
function refresh() {
  const own = task();
  makePoints();
  if (cursor() < 0 && points.x.length) {
    const error = errorsAt(own, state.epoch).error, shown = points.members.flat();
    state.graph = own.graphs[shown.reduce((best, graph) => (error[graph] < error[best] ? graph : best), shown[0])];
  }
  const what = state.level === "graphs" ? "A dot is a graph" : `A square is a ${$("level").selectedOptions[0].text.slice(0, -1)}`;
  const colour = columnOf(state.colour).name;
  const notes = [`${what}; its colour is its ${state.level === "graphs" ? "" : "graphs’ mean "}${colour}.`];
  if (own.spot && onPlane()) notes.push("Dashed: the published rectangle.");
  if (baselinePlace()) notes.push("Star: the dense baseline.");
  if (points.x.some((_, at) => markedOf(at).length)) notes.push("Diamond: highlighted.");
  if (points.off) {
    notes.push(`${points.off.toLocaleString("en")} off the plane, in parts: ${points.off === 1 ? "it is" : "they are"} not on this map.`);
  }
  if (points.left) notes.push(`${points.left.toLocaleString("en")} without a value are not shown.`);
  $("shown").textContent = notes.join(" ");
  $("epoch-shown").textContent = own.epochs[state.epoch];
  $("epoch").setAttribute("aria-valuetext", `epoch ${own.epochs[state.epoch]}`);
  $("tip").style.display = "none";
  showCard();
  showList();
}

function update() {
  refresh();
  return redraw();
}

// The selection changed, and nothing else.
function choicesChanged(said) {
  if (said) $("said").textContent = said;
  showCard();
  showList();
  return redraw();
}

function toggle(at) {
  if (at < 0) return;
  const on = !isChosen(at);
  choose(points.members[at], on);
  choicesChanged(`${heading(at)} ${on ? "selected" : "not selected any more"}, ${chosenHere().length} selected`);
}

function wireSelects() {
  $("task").addEventListener("change", () => {
    stop();
    state.task = Number($("task").value);
    enterTask();
    update();
  });
  ["level", "x", "y", "colour"].forEach((name) => $(name).addEventListener("change", () => {
    state[name] = $(name).value;
    update();
  }));
}

let timer = 0;
function stop() {
  clearInterval(timer);
  timer = 0;
  $("play").setAttribute("aria-pressed", "false");
  [$("play").textContent, $("play").ariaLabel] = ["▶", "Play the epochs"];
}

function wireEpochs() {
  const go = (epoch) => {
    [state.epoch, $("epoch").value] = [epoch, epoch];
    return update();
  };
  $("epoch").addEventListener("input", () => {
    stop();
    go(Number($("epoch").value));
  });
  $("fixed").addEventListener("change", () => {
    state.fixed = $("fixed").checked;
    update();
  });
  $("play").addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    $("play").setAttribute("aria-pressed", "true");
    [$("play").textContent, $("play").ariaLabel] = ["❚❚", "Pause"];
    const last = task().epochs.length - 1;
    if (state.epoch === last) go(0);
    timer = setInterval(() => {
      if (state.epoch >= last) stop();
      else go(state.epoch + 1);
    }, 120);
  });
}

// True after a key of the map, then the place where the mouse has been at rest since.
let keyed = false;
// Where and how a button went down on the map, until the next time.
let down = null;

function wirePointer() {
  const at = (event, reach) => {
    const box = frame.getBoundingClientRect();
    return nearest(event.clientX - box.left, event.clientY - box.top, reach);
  };
  // A page that moves under a mouse at rest makes events of moves too: after a key they wait for a real one.
  const resting = ({ clientX, clientY }) => {
    if (!keyed) return false;
    if (keyed === true) keyed = { clientX, clientY };
    if (Math.hypot(clientX - keyed.clientX, clientY - keyed.clientY) < 4) return true;
    keyed = false;
    return false;
  };
  frame.addEventListener("pointermove", (event) => {
    if (event.buttons || event.pointerType === "touch") return;
    if (resting(event)) return;
    const found = at(event, 24);
    if (found < 0) $("tip").style.display = "none";
    else look(found, { tip: true });
  }, true);
  frame.addEventListener("pointerleave", () => { $("tip").style.display = "none"; });
  frame.addEventListener("pointerdown", (event) => {
    down = event.button ? null : { x: event.clientX, y: event.clientY, shift: event.shiftKey };
    $("tip").style.display = "none";
  }, true);
  // Plotly covers the page while a button is down, so the release is caught wherever it happens.
  document.addEventListener("pointerup", (event) => {
    if (!down || Math.hypot(event.clientX - down.x, event.clientY - down.y) > 6 || !frame.isConnected) return;
    const touch = event.pointerType === "touch", found = at(event, touch ? 32 : 16);
    if (found < 0) return;
    look(found, { aloud: true, tip: touch });
    if (!touch) toggle(found);
  }, true);
}

// What plotly itself tells of; a map that is built again forgets who listened.
function wirePlot() {
  plot.on("plotly_selected", (event) => {
    // Plotly also tells of outlines that it takes away: those have no bounds, and say nothing.
    if (!event || !(event.range || event.lassoPoints)) return;
    const many = event.points.filter((point) => point.data.name === "points").map((point) => point.pointIndex);
    if (!(down && down.shift)) task().graphs.forEach((id) => state.chosen.delete(id));
    many.forEach((at) => choose(points.members[at], true));
    choicesChanged(`${chosenHere().length} graphs selected`);
  });
  plot.on("plotly_relayout", moveRing);
  plot.on("plotly_afterplot", moveRing);
}

function wireKeys() {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !points.x.length) return;
    const here = cursor(), low = columnOf(state.colour).better === "high" ? 0 : points.x.length - 1;
    if (event.key in steps) look(here < 0 ? low : neighbour(here, ...steps[event.key]), { aloud: true, tip: true });
    else if (event.key === "Home") look(low, { aloud: true, tip: true });
    else if (event.key === "End") look(points.x.length - 1 - low, { aloud: true, tip: true });
    else if (event.key === "Enter" || event.key === " ") toggle(here);
    else if (event.key === "+" || event.key === "=") zoom(0.7);
    else if (event.key === "-") zoom(1 / 0.7);
    else return;
    keyed = true;
    event.preventDefault();
  });
  frame.addEventListener("blur", () => { $("tip").style.display = "none"; });
}

function wireList() {
  const graphAt = (event) => {
    const own = event.target.closest("tr[data-graph]");
    return own ? task().graphs.indexOf(Number(own.dataset.graph)) : -1;
  };
  const body = $("table").tBodies[0];
  const lookAt = (event) => {
    const graph = graphAt(event);
    if (graph >= 0) look(points.members.findIndex((members) => members.includes(graph)));
  };
  ["mouseover", "focusin", "click"].forEach((kind) => body.addEventListener(kind, lookAt));
  body.addEventListener("change", (event) => {
    const graph = graphAt(event);
    choose([graph], event.target.checked);
    choicesChanged(`${chosenHere().length} graphs selected`);
  });
  $("find").addEventListener("input", showList);
  $("csv").addEventListener("click", download);
  $("choose").addEventListener("click", () => toggle(cursor()));
  $("clear").addEventListener("click", () => {
    state.chosen.clear();
    choicesChanged("Nothing is selected");
    frame.focus({ preventScroll: true });
  });
}

function wireTools() {
  const tools = [...document.querySelectorAll("#atlas [data-drag]")];
  const press = () => tools.forEach((tool) => tool.setAttribute("aria-pressed", String(tool.dataset.drag === drag)));
  tools.forEach((tool) => tool.addEventListener("click", () => {
    drag = tool.dataset.drag;
    press();
    redraw();
  }));
  press();
  $("reset").addEventListener("click", () => Plotly.relayout(plot, { "xaxis.autorange": true, "yaxis.autorange": true }));
}

// Plotly travels compressed; as an inline script it is allowed where no script may be fetched.
async function unpackPlotly() {
  const stream = new Blob([bytesOf($("plotly").textContent)]).stream();
  const script = document.createElement("script");
  script.textContent = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(script);
}

async function start() {
  document.getElementById("atlas").hidden = false;
  fill($("task"), { "": packed.tasks.map(({ name }, index) => [String(index), name]) }, "0");
  $("task").parentElement.hidden = packed.tasks.length < 2;
  enterTask();
  refresh();
  sketch();
  performance.mark("atlas-sketch");
  await unpackPlotly();
  await redraw();
  $("sketch").remove();
  [wireSelects, wirePointer, wirePlot, wireKeys, wireEpochs, wireList, wireTools].forEach((wire) => wire());
  performance.mark("atlas-first-picture");
  const again = () => { showCard(); redraw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("resize", again);
}

if (window.DecompressionStream) start();
else $("old").hidden = false;
