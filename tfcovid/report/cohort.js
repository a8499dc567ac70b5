"use strict";
const cases = document.getElementById("cases"), body = cases.tBodies[0], wrong = document.getElementById("wrong");
const count = document.getElementById("count"), rows = [...body.rows];

function filter() {
  let shown = 0;
  for (const row of rows) {
    row.hidden = wrong.checked && !row.classList.contains("wrong");
    shown += !row.hidden;
  }
  count.textContent = `${shown} of ${rows.length} shown`;
}

function worth(row, column) {
  const cell = row.cells[column], text = cell.dataset.value || cell.textContent, number = Number(text);
  return Number.isNaN(number) ? text : number;
}

for (const head of cases.tHead.rows[0].cells)
  head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of cases.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row) => [worth(row, head.cellIndex), row]);
    keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
    body.append(...keyed.map(([, row]) => row));
  });
wrong.addEventListener("change", filter);
filter();

const opened = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; opened.push(one); }
});
addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });
