// API keys: the list, creating, revoking and rotating.

import { confirmed, field, fill, h, table, toast } from "./dom.js";
import { time } from "./format.js";
import { get, path, post, send } from "./api.js";
import { edit } from "./coupons.js";

export const title = "Keys";

const scopes = {
  "claims:write": "submit and cancel claims for any user", "claims:read": "read and follow claims of any user",
  "coupons:write": "create and change coupons", "coupons:read": "read coupons", "dlq:read": "read dead letters",
  "dlq:write": "replay, edit and discard dead letters", "keys:write": "manage keys and read the audit trail",
  "metrics:read": "read metrics and the overview",
};

export async function show(main, _, signal) {
  const list = h("div");
  main.append(
    h("div.head", null, h("h1", null, "Keys"), h("button.primary", { onclick: create }, "Create a key")),
    h("section.card", null, list));

  async function load() {
    const { keys } = await get("/keys", { signal });
    fill(list, keys.length === 0 ? h("p.empty", null, "There are no keys.")
      : table("Keys of services, the oldest first", [["Name", "break"], ["State"], ["Scopes", "break"], ["Created"], ["By", "break"], ["Expires"], ["Id"], [""]],
        keys.map((key) => [
          key.name, h("span.status", { class: key.status }, key.status), key.scopes.join(" "), time(key.created_at), key.created_by,
          key.expires_at ? time(key.expires_at) : "never", h("code", null, key.id),
          key.status === "active" ? h("div.row", null,
            h("button", { onclick: () => rotate(key), "aria-label": `Rotate ${key.name}` }, "Rotate"),
            h("button.danger", { onclick: () => revoke(key), "aria-label": `Revoke ${key.name}` }, "Revoke")) : "",
        ])));
  }

  function reveal(key) {
    const shown = h("input.mono", { value: key.key, readonly: true });
    const dialog = h("dialog", { "aria-labelledby": "key-title" }, h("form", { method: "dialog" },
      h("h2", { id: "key-title" }, `The key of ${key.name}`),
      h("p.warn", null, "Copy it now. It is not stored and cannot be shown again."), field("Key", shown),
      h("div.actions", null,
        h("button", { type: "button", onclick: async () => {
          shown.select();
          try { await navigator.clipboard.writeText(key.key); toast("Copied."); } catch { /* selected, so that it can be copied by hand */ }
        } }, "Copy"),
        h("button.primary", null, "Done"))));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  function create() {
    const name = h("input", { required: true, maxlength: 100, autocomplete: "off" });
    const expires = h("input", { maxlength: 20, autocomplete: "off", placeholder: "90d" });
    const boxes = Object.entries(scopes).map(([scope, text]) => [scope, text, h("input", { type: "checkbox" })]);
    edit("Create a key", [
      field("Name of the service", name), field("Expires after", expires, { hint: "Such as 90d or 12h. Empty: never." }),
      h("fieldset", null, h("legend", null, "What the key allows"),
        boxes.map(([scope, text, box]) => h("div.checks", null, h("label", null, box, h("code", null, scope), ` – ${text}`)))),
    ], "Create", async () => {
      const key = await post("/keys", {
        name: name.value, scopes: boxes.filter(([, , box]) => box.checked).map(([scope]) => scope),
        ...(expires.value.trim() ? { expires_in: expires.value.trim() } : {}),
      });
      reveal(key);
      await load();
    });
  }

  async function revoke(key) {
    if (!await confirmed(`Revoke the key of ${key.name}?`, h("p", null, "Every API process refuses it within two seconds. This cannot be undone."), "Revoke")) return;
    try {
      await send("DELETE", path`/keys/${key.id}`);
      toast(`The key of ${key.name} is revoked.`);
      await load();
    } catch (error) { toast(error.message, true); }
  }

  function rotate(key) {
    const overlap = h("input", { required: true, maxlength: 20, value: "1h" });
    edit(`Rotate the key of ${key.name}`, [
      h("p", null, "A new key with the same scopes replaces this one."),
      field("The old key stays valid for", overlap),
    ], "Rotate", async () => {
      reveal(await post(path`/keys/${key.id}/rotate`, { overlap: overlap.value.trim() }));
      await load();
    });
  }
  await load();
}
