// Builds elements. Text is always a text node, so that markup in it is shown and never parsed.

/**
 * Creates an element.
 * @param {string} name the tag, with classes after dots: "p.error"
 * @param {object} [properties] attributes, `on…` listeners; null, undefined and false are left out
 * @param {...(Node|string|number|null|Array)} children
 */
export function h(name, properties, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.classList.add(...value.split(" ").filter(Boolean));
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** Creates an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replaces the content of an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

/** Sets a text only if it differs, so that a screen reader is not disturbed. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = String(text);
}

let lastID = 0;

/** A labelled form field. */
export function field(label, control, { narrow = false, hint = null } = {}) {
  const id = `f${++lastID}`;
  control.id = id;
  const note = hint ? h("small.soft", { id: `${id}h` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h(narrow ? "div.field.narrow" : "div.field", null, h("label", { for: id }, label), control, note);
}

/** A table with a caption. Columns: [title, class]; rows: arrays of cells. */
export function table(caption, columns, rows, options) {
  const live = liveTable(caption, columns, "", options);
  live.update(rows);
  return live.element;
}

/**
 * A table whose rows change. The table element and its focus are kept. Without rows, a text is shown.
 * The caption is for screen readers, unless `showsCaption` is set.
 */
export function liveTable(caption, columns, empty, { showsCaption = false } = {}) {
  const title = h("caption", null, showsCaption ? caption : h("span.hidden-text", null, caption));
  const body = h("tbody");
  const note = h("p.empty", { hidden: true }, empty);
  const region = h("div.wide", { tabindex: 0, role: "region", "aria-label": caption },
    h("table", null, title,
      h("thead", null, h("tr", null, columns.map(([name, kind]) =>
        h("th", { scope: "col", class: kind }, name || h("span.hidden-text", null, "Action or bar"))))),
      body));
  return {
    element: h("div", null, region, note),
    update(rows, text = empty) {
      region.hidden = rows.length === 0 && text !== "";
      note.hidden = !region.hidden;
      setText(note, text);
      fill(body, rows.map((cells) => h("tr", null, cells.map((cell, index) => h("td", { class: columns[index][1] }, cell)))));
    },
  };
}

/** Names with their values. */
export function fields(pairs) {
  return h("dl.fields", null, pairs.filter((pair) => pair).map(([name, value]) =>
    [h("dt", null, name), h("dd", null, value ?? "–")]));
}

export function toast(text, failed = false) {
  const note = h(failed ? "div.toast.failed" : "div.toast", null, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), failed ? 12000 : 6000);
}

/** Asks in a dialog. Resolves with true if the operator confirms. */
export function confirmed(title, body, action, { danger = true } = {}) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "ask-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "ask-title" }, title), body,
        h("div.actions", null,
          h("button", { value: "" }, "Cancel"),
          h(danger ? "button.danger" : "button.primary", { value: "yes" }, action))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
