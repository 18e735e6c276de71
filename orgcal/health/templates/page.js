"use strict";
(() => {
  const table = document.querySelector("table.organisations");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const controls = document.querySelector(".controls");
  const text = document.querySelector("#filter"), wrong = document.querySelector("#wrong");
  const count = document.querySelector("#count");
  controls.hidden = false;
  const show = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = row.dataset.text.includes(wanted) && (!wrong.checked || row.dataset.wrong === "1");
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} organisations`;
  };
  text.addEventListener("input", show);
  wrong.addEventListener("change", show);
  for (const head of table.tHead.rows[0].cells) {
    const key = head.dataset.sort;
    if (!key) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const number = head.dataset.number === "1";
      const compare = number
        ? (a, b) => a.dataset[key] - b.dataset[key]
        : (a, b) => a.dataset[key].localeCompare(b.dataset[key]);
      rows.sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      body.append(...rows);
    });
  }
  show();
})();
