// The first picture: the map as plain dots while plotly is unpacked, which takes a slow machine seconds.
function sketch() {
  const { pen, width, height } = blank($("sketch")), narrow = width < 520, scale = range(), base = baselinePlace();
  const stops = css("--viridis").split(" ");
  const axis = (values, extra, from, to) => {
    const all = base ? [...values, extra] : values, low = Math.min(...all), high = Math.max(...all);
    const edge = 0.06 * (to - from);
    return (value) => from + edge + ((value - low) / (high - low || 1)) * (to - from - 2 * edge);
  };
  const x = axis(points.x, base && base.x, 52, width - (narrow ? 10 : 98));
  const y = axis(points.y, base && base.y, height - 46, narrow ? 110 : 12);
  points.x.forEach((_, at) => {
    const share = (points.colour[at] - scale.low) / (scale.high - scale.low);
    pen.fillStyle = stops[Math.round(Math.min(1, Math.max(0, share)) * (stops.length - 1))];
    pen.beginPath();
    pen.arc(x(points.x[at]), y(points.y[at]), points.x.length > 200 ? 3 : 5, 0, 2 * Math.PI);
    pen.fill();
  });
}
