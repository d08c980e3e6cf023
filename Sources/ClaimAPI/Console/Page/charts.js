// Line charts in SVG, drawn again at each change.

import { svg, setText } from "./dom.js";
import { number } from "./format.js";

const width = 600;
const height = 170;
const left = 44;
const bottom = 18;

/** The least of 1, 2, 5, 10, 20 … that is not below a value. */
export function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value);
}

/**
 * A chart of several series over the last seconds.
 * @param {{names: string[], seconds: number, describe: function(): string, unit?: string}} options
 */
export function lineChart({ names, seconds, describe, unit = "" }) {
  const kinds = ["one", "two", "three"];
  const top = svg("text", { x: left - 6, y: 12, "text-anchor": "end" });
  const middle = svg("text", { x: left - 6, y: (height - bottom) / 2 + 6, "text-anchor": "end" });
  const area = svg("path", { class: "area" });
  const lines = names.map((_, index) => svg("path", { class: `line ${kinds[index]}` }));
  const axis = (y) => svg("line", { class: "axis", x1: left, x2: width, y1: y, y2: y });
  const element = svg("svg", {
    class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": describe(),
  },
  axis(2), axis((height - bottom) / 2), axis(height - bottom), area, lines, top, middle,
  svg("text", { x: left - 6, y: height - bottom, "text-anchor": "end" }, "0"),
  svg("text", { x: left, y: height - 3 }, `${Math.round(seconds / 60)} min ago`),
  svg("text", { x: width - 2, y: height - 3, "text-anchor": "end" }, "now"));
  let described = 0;

  function draw(series) {
    const highest = Math.max(0, ...series.flat().filter((value) => value !== null && value !== undefined));
    const limit = ceiling(highest);
    setText(top, `${number(limit)}${unit}`);
    setText(middle, `${number(limit / 2)}${unit}`);
    const x = (index, count) => left + (width - left) * (1 - (count - 1 - index) / (seconds - 1));
    const y = (value) => 2 + (height - bottom - 2) * (1 - value / limit);
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
    // A screen reader is told at most every ten seconds.
    if (Date.now() - described > 10_000) {
      element.setAttribute("aria-label", describe());
      described = Date.now();
    }
  }
  return { element, draw };
}
