// A graph drawn twice: nodes on a circle, and its adjacency matrix; and how its error fell.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A canvas as sharp as the screen, cleared, in units of CSS pixels.
function blank(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, width, height };
}

// Graphs of at most this many nodes have node names around the circle, each cut to at most this many letters.
const MOST_NAMED = 40, MOST_LETTERS = 6;

function drawNames(pen, names, middle, radius) {
  pen.font = "8px system-ui, sans-serif";
  pen.textBaseline = "middle";
  names.forEach((name, i) => {
    const angle = (2 * Math.PI * i) / names.length - Math.PI / 2, left = Math.cos(angle) < -1e-9;
    pen.save();
    pen.translate(middle, middle);
    pen.rotate(left ? angle + Math.PI : angle);
    pen.textAlign = left ? "right" : "left";
    const shown = name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name;
    pen.fillText(shown, left ? -radius - 5 : radius + 5, 0);
    pen.restore();
  });
}

function drawCircle(canvas, graph, names) {
  const { pen, width } = blank(canvas), { n, matrix } = graph, middle = width / 2;
  const written = names && n <= MOST_NAMED, radius = width / 2 - (written ? 32 : 6);
  const at = Array.from({ length: n }, (_, i) => {
    const angle = (2 * Math.PI * i) / n - Math.PI / 2;
    return [middle + radius * Math.cos(angle), middle + radius * Math.sin(angle)];
  });
  const pairs = [];
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const out = matrix[i * n + j], back = matrix[j * n + i];
      if (out || back) pairs.push(out ? [i, j, back] : [j, i, 0]);
    }
  }
  // Over half of all pairs: a filled disc with the missing edges left blank, where lines would be a moiré.
  const dense = pairs.length > n * (n - 1) / 4;
  if (dense) {
    pen.globalAlpha = 0.55;
    pen.fillStyle = css("--soft");
    pen.beginPath();
    at.forEach((place) => pen.lineTo(...place));
    pen.fill();
    const drawn = pairs.filter(([, , both]) => !both), blanks = [];
    for (let i = 0; i < n; i += 1) {
      for (let j = i + 1; j < n; j += 1) if (!matrix[i * n + j] && !matrix[j * n + i]) blanks.push([i, j, 1]);
    }
    pairs.splice(0, pairs.length, ...blanks, ...drawn);
  }
  // Ink per edge falls as edges crowd, so that a dense graph is grey and not black.
  const crowd = Math.max(pairs.length / 60, 1);
  pen.globalAlpha = Math.min(0.9, Math.max(0.12, 0.9 / crowd ** 0.45));
  pen.lineWidth = Math.min(1.4, Math.max(0.5, 1.4 / crowd ** 0.3));
  [pen.strokeStyle, pen.fillStyle] = [css(dense ? "--card" : "--soft"), css("--one-way")];
  pairs.forEach(([from, to, both]) => {
    pen.beginPath();
    if (both) {
      pen.moveTo(...at[from]);
      pen.lineTo(...at[to]);
      pen.stroke();
      return;
    }
    // One way: a wedge, wide at the node that reads, pointed at the node it reads.
    const [dx, dy] = [at[to][0] - at[from][0], at[to][1] - at[from][1]], reach = 2 / Math.hypot(dx, dy);
    pen.moveTo(at[from][0] - dy * reach, at[from][1] + dx * reach);
    pen.lineTo(at[from][0] + dy * reach, at[from][1] - dx * reach);
    pen.lineTo(...at[to]);
    pen.fill();
  });
  pen.globalAlpha = 1;
  pen.fillStyle = css("--ink");
  at.forEach(([x, y]) => {
    pen.beginPath();
    pen.arc(x, y, Math.min(4, Math.max(1.2, 110 / n)), 0, 2 * Math.PI);
    pen.fill();
  });
  if (written) drawNames(pen, names, middle, radius);
}

function drawMatrix(canvas, { n, matrix }) {
  const { pen, width } = blank(canvas), side = width / n;
  const [paper, own, edge] = ["--wash", "--line", "--point"].map(css);
  pen.fillStyle = paper;
  pen.fillRect(0, 0, width, width);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      if (!matrix[i * n + j] && i !== j) continue;
      // The diagonal is each node reading itself: seen, but not as edges.
      pen.fillStyle = i === j ? own : edge;
      pen.fillRect(j * side, i * side, Math.ceil(side * 4) / 4, Math.ceil(side * 4) / 4);
    }
  }
}

// Mean error of the graph over the epochs, the baseline's thin beside it, the epoch shown marked.
function drawCurve(canvas, own, members, epoch) {
  const { pen, width, height } = blank(canvas);
  const error = own.epochs.map((_, e) => mean(finite(members.map((g) => errorsAt(own, e).error[g]))));
  const base = own.epochs.map((_, e) => errorsAt(own, e).base);
  const all = finite([...error, ...base]), low = Math.min(...all), high = Math.max(...all), first = own.epochs[0];
  const x = (e) => 4 + ((own.epochs[e] - first) / (own.epochs[own.epochs.length - 1] - first)) * (width - 8);
  const y = (value) => height - 5 - ((value - low) / (high - low || 1)) * (height - 10);
  [[base, "--accent", 1], [error, "--point", 2]].forEach(([values, colour, thick]) => {
    [pen.strokeStyle, pen.lineWidth] = [css(colour), thick];
    pen.beginPath();
    values.forEach((value, e) => { if (Number.isFinite(value)) pen.lineTo(x(e), y(value)); });
    pen.stroke();
  });
  pen.fillStyle = css("--ink");
  pen.beginPath();
  pen.arc(x(epoch), y(error[epoch]), 4, 0, 2 * Math.PI);
  if (Number.isFinite(error[epoch])) pen.fill();
}
