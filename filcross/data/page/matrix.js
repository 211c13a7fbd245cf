"use strict";
(() => {
  const table = document.getElementById("cells");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filter = document.getElementById("filter");
  const outcome = document.getElementById("outcome");
  const shown = document.getElementById("shown");

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = (!outcome.value || row.dataset.outcome === outcome.value) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    }
    shown.textContent = `${count} of ${rows.length} cells`;
  };

  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
  };

  const sort = (heading, column) => {
    const downwards = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    const order = (a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      return typeof x === "number" ? x - y : x.localeCompare(y);
    };
    rows.sort((a, b) => (downwards ? -order(a, b) : order(a, b)));
    body.append(...rows);
  };

  filter.addEventListener("input", apply);
  outcome.addEventListener("change", apply);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sort(heading, column));
  });
})();
