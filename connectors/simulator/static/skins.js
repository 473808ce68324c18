// How each platform's page marks people and messages: the shapes a connector goes by. Those of Teams and Zoom beyond what
// public bots have recorded are our own, and named as such in the connectors' selectors.
import { element } from "./dom.js";

const named = (own, name, you) => (own ? you : name);

export const SKINS = {
  meet: {
    mixed: false,
    tile: (person, own) => ({ "data-participant-id": person.id, role: "group", "aria-label": person.name, class: own ? "tile own" : "tile" }),
    name: (person, own, you) => element("span", { class: "notranslate", ...(own ? { "data-self-name": person.name } : {}) }, named(own, person.name, you)),
    speaking: (tile, on) => tile.classList.toggle("speaking", on),
    message: (message, own) => ({ class: own ? "said own" : "said", ...(own ? {} : { "data-sender-id": message.from }) }),
    words: (message) => element("div", { "data-message-id": message.id, dir: "auto" }, message.text),
    sender: (message) => element("span", { class: "sender" }, message.name),
  },
  teams: {
    mixed: true,
    tile: (person, own) => ({ "data-tid": "participant-tile", "data-participant": person.id, "data-stream-type": "Video", "aria-label": person.name, class: own ? "tile own" : "tile" }),
    name: (person, own, you) => element("span", { "data-tid": "participant-name", ...(own ? { "data-self": person.name } : {}) }, named(own, person.name, you)),
    speaking: (tile, on) => {
      let ring = tile.querySelector('[data-tid="voice-level-stream-outline"]');
      if (!ring) tile.append((ring = element("div", { "data-tid": "voice-level-stream-outline", class: "ring" })));
      ring.classList.toggle("vdi-frame-occlusion", on);
      tile.classList.toggle("speaking", on);
    },
    message: (message, own) => ({ "data-tid": "chat-pane-item", class: own ? "said own ChatMyMessage" : "said" }),
    words: (message) => element("div", { "data-tid": "chat-pane-message", "data-mid": message.id, dir: "auto" }, message.text),
    sender: (message) => element("span", { "data-tid": "message-author-name", class: "sender" }, message.name),
  },
  zoom: {
    mixed: true,
    tile: (person, own) => ({ class: own ? "tile own video-avatar__avatar" : "tile video-avatar__avatar", "data-user": person.id, "aria-label": person.name }),
    name: (person, own, you) => element("span", { class: "video-avatar__avatar-name", ...(own ? { "data-self": person.name } : {}) }, named(own, person.name, you)),
    speaking: (tile, on) => { tile.classList.toggle("speaking", on); tile.classList.toggle("video-avatar__avatar--active", on); },
    message: (message, own) => ({ class: own ? "said own new-chat-message__container--mine" : "said new-chat-message__container" }),
    words: (message) => element("div", { class: "new-chat-message__content", id: `chat-message-${message.id}`, "data-message": message.id, dir: "auto" }, message.text),
    sender: (message) => element("span", { class: "chat-item__sender sender" }, message.name),
  },
};
