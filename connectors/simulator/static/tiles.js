// The grid of participants: one tile each, as large as the space allows, always 16:9.
import { element, icon, initials } from "./dom.js";

const GAP = 12;

export class Tiles {
  constructor(grid, you, skin, { nameless = false } = {}) {
    Object.assign(this, { grid, you, skin, nameless, tiles: new Map(), names: new Map(), streams: new Map() });
    new ResizeObserver(() => this.arrange()).observe(grid);
  }

  draw(people, self) {
    const here = new Set(people.map((person) => person.id));
    for (const [id, tile] of this.tiles) {
      if (here.has(id)) continue;
      tile.querySelector("video").srcObject = null;
      tile.remove();
      this.tiles.delete(id);
      this.names.delete(id);
      this.streams.delete(id);
    }
    for (const person of people) {
      if (!this.tiles.has(person.id)) this.add(person, person.id === self);
      const tile = this.tiles.get(person.id);
      if (this.names.get(person.id) !== person.name) this.rename(tile, person, person.id === self);
      this.skin.speaking(tile, person.speaking);
      tile.toggleAttribute("data-sharing", Boolean(person.sharing));
      tile.classList.toggle("dark", !person.camera);
      tile.querySelector(".muted").hidden = person.microphone;
      tile.querySelector(".hand").hidden = !person.hand;
    }
    this.arrange();
  }

  rename(tile, person, own) {
    this.names.set(person.id, person.name);
    tile.querySelector(".initials").textContent = initials(person.name);
    const name = tile.querySelector(".name").firstChild;
    name.replaceWith(this.nameless ? element("span", {}) : this.skin.name(person, own, this.you));
    if (!this.nameless) tile.setAttribute("aria-label", person.name);
  }

  add(person, own) {
    const video = element("video", { playsinline: "", autoplay: "" });
    video.muted = own;
    const tile = element(
      "div", this.skin.tile(person, own),
      element("div", { class: "initials", "aria-hidden": "true" }, initials(person.name)),
      video,
      element("div", { class: "name" }, element("span", {}), element("span", { class: "muted", title: "Microphone is off" }, icon("microphone"))),
      element("div", { class: "hand", title: "Hand is raised" }, icon("hand")),
    );
    if (this.nameless) for (const name of ["data-tid", "data-participant", "aria-label"]) tile.removeAttribute(name);
    this.tiles.set(person.id, tile);
    this.grid.append(tile);
    if (this.streams.has(person.id)) video.srcObject = this.streams.get(person.id);
  }

  stream(id, stream) {
    this.streams.set(id, stream);
    const video = this.tiles.get(id)?.querySelector("video");
    if (video && video.srcObject !== stream) video.srcObject = stream;
  }

  arrange() {
    const { clientWidth: width, clientHeight: height } = this.grid;
    const count = this.tiles.size;
    let best = 0;
    for (let columns = 1; columns <= count; columns += 1) {
      const rows = Math.ceil(count / columns);
      const fit = Math.min((width - GAP * (columns - 1)) / columns, ((height - GAP * (rows - 1)) / rows) * (16 / 9));
      best = Math.max(best, Math.floor(fit));
    }
    this.grid.style.setProperty("--tile", `${Math.max(best, 80)}px`);
  }
}
