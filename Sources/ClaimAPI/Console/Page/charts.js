// Line charts in SVG, drawn again at each change.

import { svg, setText } from "./dom.js";
import { number } from "./format.js";

const height = 170;
const left = 48;
const top = 6;
const bottom = 20;

/** The smallest of 1, 2, 5, 10, 20 … that is not below a value. */
export function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value);
}

/**
 * A chart of several series over the last seconds.
 * @param {{names: string[], seconds: number, describe: function(): string, kinds?: string[], unit?: string}} options
 */
export function lineChart({ names, seconds, describe, kinds = ["one", "two"], unit = "" }) {
  const levels = [0, 0.5, 1].map((share) => {
    const y = top + (height - top - bottom) * (1 - share);
    return { share, line: svg("line", { class: "axis", x1: left, y1: y, y2: y }),
      label: svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }) };
  });
  const area = svg("path", { class: "area" });
  const lines = names.map((_, index) => svg("path", { class: `line ${kinds[index]}` }));
  const now = svg("text", { y: height - 4, "text-anchor": "end" }, "now");
  const element = svg("svg", { class: "chart", height, role: "img", "aria-label": describe() },
    levels.map((level) => [level.line, level.label]), area, lines,
    svg("text", { x: left, y: height - 4 }, `${Math.round(seconds / 60)} min ago`), now);
  let described = 0;

  function draw(series) {
    // One unit is one pixel, so that the texts have one size on every screen.
    const width = element.clientWidth || 600;
    element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    now.setAttribute("x", width - 2);
    const highest = Math.max(0, ...series.flat().filter((value) => value !== null && value !== undefined));
    const limit = ceiling(highest);
    for (const { share, line, label } of levels) {
      line.setAttribute("x2", width);
      setText(label, share === 0 ? "0" : `${number(limit * share)}${unit}`);
    }
    const x = (index, count) => left + (width - left) * (1 - (count - 1 - index) / (seconds - 1));
    const y = (value) => top + (height - bottom - top) * (1 - value / limit);
    series.forEach((values, which) => {
      let path = "";
      let isDown = false;
      values.forEach((value, index) => {
        if (value === null || value === undefined) { isDown = false; return; }
        path += `${isDown ? "L" : "M"}${x(index, values.length).toFixed(1)} ${y(value).toFixed(1)}`;
        isDown = true;
      });
      lines[which].setAttribute("d", path);
    });
    const values = series[0].map((value) => value ?? 0);
    area.setAttribute("d", values.length < 2 ? "" : `M${x(0, values.length).toFixed(1)} ${height - bottom}`
      + values.map((value, index) => `L${x(index, values.length).toFixed(1)} ${y(value).toFixed(1)}`).join("")
      + `L${width} ${height - bottom}Z`);
    // At most every ten seconds, so that a screen reader is not disturbed.
    if (Date.now() - described > 10_000) {
      element.setAttribute("aria-label", describe());
      described = Date.now();
    }
  }
  return { element, draw };
}
