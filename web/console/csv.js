/** Tables as files that a spreadsheet opens: UTF-8 with its mark, and nothing in them is a formula. */
const BOM = "\ufeff"; // without it Excel takes UTF-8 for its own encoding
const FORMULA = /^[=+\-@\t\r\n]/;

/** Return the table as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csv(columns, rows) {
  return BOM + [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Let the browser save the text under this name. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser has begun to read it long before
}

function cell(value) {
  if (typeof value === "number") return String(value);
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
