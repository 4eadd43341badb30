// Pictures of numbers, as plain SVG. Each has the same numbers beside it as text for those who do not see it.

import { count, el, milliseconds, svg } from "./dom.js";

const kind = (status) => `s${status ? Math.floor(status / 100) : 0}`;

/** Requests over time, and the errors that came to light among them. */
export function timeline({ step_ms, steps }) {
  const [width, height, left, bottom] = [720, 180, 36, 22];
  // At first a shorter time, so that there is something to see.
  const slots = Math.max(60, steps.length);
  const rate = (number) => (number * 1000) / step_ms;
  const most = Math.max(1, ...steps.map((step) => rate(step.requests)));
  const top = nice(most);
  const x = (index) => left + ((width - left) * (slots - steps.length + index)) / (slots - 1);
  const y = (value) => (height - bottom) * (1 - value / top) + 4;
  const line = (key) => steps.map((step, index) => `${x(index).toFixed(1)},${y(rate(step[key])).toFixed(1)}`);
  const area = (points) => points.length
    ? `${points[0].split(",")[0]},${y(0)} ${points.join(" ")} ${points.at(-1).split(",")[0]},${y(0)}` : "";
  const minutes = (slots * step_ms) / 60_000;
  const [requests, hidden] = [line("requests"), line("hidden")];
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height + 4}`, role: "img",
    "aria-label": `Requests a second over the last ${minutes.toFixed(1)} minutes; at most ${most.toFixed(1)}` },
    [0, 0.5, 1].map((part) => [
      svg("line", { class: "grid-line", x1: left, x2: width, y1: y(top * part), y2: y(top * part) }),
      svg("text", { x: left - 8, y: y(top * part) + 4, "text-anchor": "end" }, label(top * part)),
    ]),
    svg("polygon", { class: "area", points: area(requests) }),
    svg("polyline", { class: "line", points: requests.join(" ") }),
    svg("polygon", { class: "area-hidden", points: area(hidden) }),
    svg("polyline", { class: "line-hidden", points: hidden.join(" ") }),
    [0, 0.5, 1].map((part) => svg("text", {
      x: left + (width - left) * part, y: height + 2, "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle",
    }, part === 1 ? "now" : `${Number((minutes * (1 - part)).toFixed(1))} min ago`)));
}

/** From the status that the upstream sent to the one that the client got, as bands between two columns. */
export function flow(matrix) {
  const cells = [...matrix].sort((a, b) => (a.from ?? 999) - (b.from ?? 999) || (a.to ?? 999) - (b.to ?? 999));
  const [width, gap, bar, leftAt, rightAt] = [560, 10, 10, 118, 432];
  // Widths by the root, so that what is rare can still be seen beside what is usual.
  const weight = (cell) => Math.sqrt(cell.count);
  const scale = 150 / Math.max(1, cells.reduce((sum, cell) => sum + weight(cell), 0));
  const thick = (cell) => Math.max(3, weight(cell) * scale);
  const column = (key) => {
    const places = new Map();
    let at = 0;
    const keys = [...new Set(cells.map((cell) => cell[key]))].sort((a, b) => (a ?? 999) - (b ?? 999));
    for (const status of keys) {
      const own = cells.filter((cell) => cell[key] === status);
      const size = Math.max(16, own.reduce((sum, cell) => sum + thick(cell), 0));
      places.set(status, { at, size, next: at, times: own.reduce((sum, cell) => sum + cell.count, 0) });
      at += size + gap;
    }
    return { places, height: Math.max(0, at - gap) };
  };
  const [from, to] = [column("from"), column("to")];
  const height = Math.max(from.height, to.height, 40);
  const shift = { from: (height - from.height) / 2 + 24, to: (height - to.height) / 2 + 24 };
  const bands = cells.map((cell) => {
    const [a, b, size] = [from.places.get(cell.from), to.places.get(cell.to), thick(cell)];
    const [y1, y2] = [a.next + shift.from, b.next + shift.to];
    a.next += size;
    b.next += size;
    const middle = (leftAt + rightAt) / 2;
    const [x1, x2] = [leftAt + bar, rightAt];
    return svg("path", { class: `band ${kind(cell.to)}`,
      d: `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2} V${y2 + size} C${middle},${y2 + size} ${middle},${y1 + size} ${x1},${y1 + size} Z` },
      svg("title", {}, `${cell.from ?? "none"} → ${cell.to ?? "none"}: ${cell.count}`));
  });
  const labels = (places, shiftBy, x, anchor, barAt) => [...places].map(([status, place]) => [
    svg("rect", { class: kind(status), x: barAt, y: place.at + shiftBy, width: bar, height: place.size, rx: 3 }),
    svg("text", { x, y: place.at + shiftBy + place.size / 2 + 4, "text-anchor": anchor },
      svg("tspan", { class: "strong" }, status ?? "none"), svg("tspan", { dx: 8 }, count(place.times))),
  ]);
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height + 32}`, role: "img",
    "aria-label": `Statuses from the upstream to the client: ${cells.map((cell) => `${cell.from ?? "none"} to ${cell.to ?? "none"}, ${cell.count}`).join("; ")}` },
    svg("text", { x: leftAt + bar, y: 12, "text-anchor": "end" }, "upstream said"),
    svg("text", { x: rightAt, y: 12 }, "client got"),
    bands,
    labels(from.places, shift.from, leftAt - 10, "end", leftAt),
    labels(to.places, shift.to, rightAt + bar + 10, "start", rightAt));
}

/** How many exchanges took how long. */
export function histogram({ buckets, p50, p99 }) {
  const [width, height, bottom] = [560, 250, 24];
  const doublings = new Map();
  for (const [end, times] of buckets) {
    const doubling = Math.floor(Math.log2(end * 1000) * 2);
    doublings.set(doubling, (doublings.get(doubling) ?? 0) + times);
  }
  const keys = [...doublings.keys()];
  const first = Math.min(...keys) - 1;
  const last = Math.max(...keys, first + 12) + 1;
  const most = Math.max(...doublings.values());
  const step = width / (last - first + 1);
  const x = (time) => (Math.log2(time * 1000) * 2 - first) * step;
  const base = height - bottom;
  const marks = [0.01, 0.1, 1, 10, 100, 1000, 10_000].filter((time) => x(time) > 16 && x(time) < width - 16);
  const edge = (time, text, row) => [
    svg("line", { class: "edge", x1: x(time), x2: x(time), y1: 8, y2: base }),
    svg("text", { class: "strong", x: x(time) + (x(time) > width - 110 ? -6 : 6), y: 16 + row * 16, "text-anchor": x(time) > width - 110 ? "end" : "start" },
      `${text} ${milliseconds(time)}`),
  ];
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Half of the exchanges took up to ${milliseconds(p50)}, 99 of 100 up to ${milliseconds(p99)}` },
    svg("line", { class: "grid-line", x1: 0, x2: width, y1: base, y2: base }),
    [...doublings].map(([key, times]) => {
      const size = Math.max(2, ((base - 44) * times) / most);
      return svg("rect", { class: "bar", x: (key - first) * step + 1, y: base - size, width: step - 2, height: size, rx: 2 },
        svg("title", {}, `${times} up to ${milliseconds(2 ** ((key + 1) / 2) / 1000)}`));
    }),
    marks.map((time) => svg("text", { x: x(time), y: height - 4, "text-anchor": "middle" },
      time >= 1000 ? `${time / 1000} s` : time < 1 ? `${time * 1000} µs` : `${time} ms`)),
    edge(p50, "p50", 0), edge(p99, "p99", 1));
}

export function legend() {
  return el("p", { class: "legend" }, el("span", {}, "requests"), el("span", { class: "of-hidden" }, "errors brought to light"));
}

/** The next number that is easy to read. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function label(value) {
  return value >= 1000 ? `${value / 1000} k` : String(Number(value.toFixed(2)));
}
