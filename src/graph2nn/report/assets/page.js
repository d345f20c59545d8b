"use strict";
// Sort the table by the column whose heading is pressed; empty cells stay at the end.
document.querySelectorAll("th button").forEach((button) => {
  button.addEventListener("click", () => {
    const head = button.parentElement, index = head.cellIndex, body = head.closest("table").tBodies[0];
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const value = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent;
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const gap = Number(x) - Number(y);
      return sign * (Number.isNaN(gap) ? x.localeCompare(y, undefined, { numeric: true }) : gap);
    });
    head.closest("tr").querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    body.append(...rows);
  });
});
// A figure wider than a narrow screen scrolls: the keyboard must reach it, and only then.
const reachable = () => document.querySelectorAll("figure").forEach((figure) => {
  const scrolls = figure.scrollWidth > figure.clientWidth + 1;
  ["tabindex", "role", "aria-label"].forEach((name) => figure.removeAttribute(name));
  if (!scrolls) return;
  const title = figure.parentElement.querySelector("h2, h3");
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-label", `Figure${title ? `: ${title.textContent}` : ""}`);
});
new ResizeObserver(reachable).observe(document.querySelector("main"));
document.querySelectorAll("figure img").forEach((image) => image.decode().then(reachable, () => {}));
