"""Checks of a page for use with a screen reader, by keyboard and with low vision: labels, names, order and contrast."""

SCRIPT = r"""
const problems = [];
const visible = (element) => element.checkVisibility();
const named = (element) => (element.getAttribute("aria-label") || element.textContent || element.title || "").trim() !== "";
const place = (element) => element.outerHTML.slice(0, 120);
if (!document.documentElement.lang) problems.push("no language");
if (!document.title) problems.push("no title");
if ([...document.querySelectorAll("main h1")].filter(visible).length !== 1) problems.push("not exactly one heading h1 in main");
for (const element of document.querySelectorAll("input, select, textarea")) {
  if (visible(element) && !element.getAttribute("aria-label") && element.labels.length === 0) problems.push(`no label: ${place(element)}`);
}
for (const element of document.querySelectorAll("button, a[href]")) {
  if (visible(element) && !named(element)) problems.push(`no name: ${place(element)}`);
}
for (const element of document.querySelectorAll("svg[role=img], canvas, progress, [role=region]")) {
  if (visible(element) && !named(element)) problems.push(`no name: ${place(element)}`);
}
for (const element of document.querySelectorAll("table")) {
  if (visible(element) && element.querySelectorAll("th[scope=col]").length === 0) problems.push(`no column headings: ${place(element)}`);
}
for (const element of document.querySelectorAll("[tabindex]")) {
  if (element.tabIndex > 0) problems.push(`changes the order of focus: ${place(element)}`);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) problems.push(`the id ${id} is not unique`);

// Contrast of texts (WCAG 2.2, 1.4.3). The canvas turns any colour into RGB.
const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}
function background(element) {
  for (let node = element; node; node = node.parentElement) {
    const colour = rgba(getComputedStyle(node).backgroundColor);
    if (colour[3] > 0.99) return colour;
  }
  return [255, 255, 255, 1];
}
const luminance = ([red, green, blue]) => [red, green, blue].map((value) => value / 255)
  .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
for (let node = texts.nextNode(); node; node = texts.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || seen.has(element) || !visible(element) || element.closest("svg, noscript, :disabled")) continue;
  seen.add(element);
  const style = getComputedStyle(element);
  const [one, two] = [luminance(rgba(style.color)), luminance(background(element))];
  const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  const isLarge = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && parseInt(style.fontWeight) >= 700;
  if (contrast < (isLarge ? 3 : 4.5)) problems.push(`contrast ${contrast.toFixed(2)}: ${node.data.trim().slice(0, 40)} in ${place(element)}`);
}
const excess = document.scrollingElement.scrollWidth - innerWidth;
if (excess > 0) problems.push(`${excess} pixels wider than the window`);
return problems;
"""


def problems(driver):
    """What is wrong with the page that is shown, in sentences."""
    return driver.execute_script(SCRIPT)
