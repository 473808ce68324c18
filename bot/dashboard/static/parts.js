// Small pieces that every view uses: foreign text, times, states, pictures, and a button that must be held.

import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { imageOf, pictureOf } from "./api.js";
import { watch } from "./model.js";
import { SHOWS, clean, cleanLine, howLong, meetingName, moment, safeLink, stateOf } from "./words.js";

const FIRST_CHARACTERS = 800;
const MORE_CHARACTERS = 20000;
const HOLD_MS = 1000;
const SECOND_PRESS_MS = 5000;
const PICTURE_EVERY_MS = 5000;

export function useModel() {
  const [, draw] = useReducer((count) => count + 1, 0);
  useEffect(() => watch(draw), []);
}

export function useNow(everyMs = 10000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

// What someone said or wrote, isolated in its own direction; of a very long one the beginning.
export function Said({ text }) {
  const [limit, setLimit] = useState(FIRST_CHARACTERS);
  const whole = String(text ?? "");
  const rest = whole.length - limit;
  return html`<bdi dir="auto" class="said">${clean(whole, limit)}${rest > 0 && "…"}</bdi>
    ${rest > 0 &&
    html`<button type="button" class="plain-button" onClick=${() => setLimit(limit + MORE_CHARACTERS)}>
      Show more (${rest.toLocaleString()} more characters)
    </button>`}`;
}

export function Name({ text }) {
  return html`<bdi dir="auto" class="name">${cleanLine(text)}</bdi>`;
}

export function MeetingLink({ url }) {
  const link = safeLink(url);
  const name = html`<bdi dir="ltr">${meetingName(url)}</bdi>`;
  return link ? html`<a href=${link} target="_blank" rel="noopener noreferrer">${name}</a>` : name;
}

export function State({ bot }) {
  const { label, tone } = stateOf(bot.state);
  return html`<span class=${`state ${tone}`}><span class="dot" aria-hidden="true"></span>${label}</span>`;
}

export function Since({ iso }) {
  const now = useNow();
  const long = howLong(iso, now);
  return html`<time datetime=${iso} title=${new Date(iso).toLocaleString()}>
    since ${moment(iso).replace(/^(at|on) /, "")}${long && `, ${long}`}
  </time>`;
}

// What the meeting sees of a bot that is there, some seconds old; of others the character's picture, or its initial.
export function Picture({ bot, size = "small" }) {
  const live = useLivePicture(bot);
  const [broken, setBroken] = useState(false);
  const initial = cleanLine(bot.bot_name).slice(0, 1).toUpperCase() || "?";
  if (!live && broken) return html`<span class=${`picture ${size}`} aria-hidden="true">${initial}</span>`;
  return html`<img
    class=${`picture ${size} ${live ? "live" : ""}`}
    src=${live ?? imageOf(bot.character_id)}
    alt=""
    title=${live ? "What the meeting sees of it" : "The character's picture, not what the meeting sees now"}
    onError=${() => setBroken(true)}
  />`;
}

// Asked for every few seconds while someone looks at the page, and shown once it is here; null while there is none.
function useLivePicture(bot) {
  const [source, setSource] = useState(null);
  const shows = SHOWS.has(bot.state);
  useEffect(() => {
    setSource(null);
    if (!shows) return undefined;
    let image = null;
    const ask = () => {
      if (document.hidden) return;
      image = new Image();
      image.onload = ({ target }) => setSource(target.src);
      image.src = pictureOf(bot.id, Date.now());
    };
    ask();
    const timer = setInterval(ask, PICTURE_EVERY_MS);
    return () => {
      clearInterval(timer);
      if (image) image.onload = null;
    };
  }, [bot.id, shows]);
  return source;
}

export function Problem({ words }) {
  return html`<div role="alert">${words && html`<p class="problem">${clean(words, 600)}</p>`}</div>`;
}

// Held for a second by pointer or key, it does its work. Whoever can only press (a switch, a voice) presses twice.
export function HoldButton({ label, again, onHeld }) {
  const [holding, setHolding] = useState(false);
  const [note, setNote] = useState("");
  const timer = useRef(0);
  const pressedAt = useRef(-Infinity);

  const begin = () => {
    if (timer.current) return;
    setNote("");
    setHolding(true);
    timer.current = setTimeout(() => {
      timer.current = 0;
      setHolding(false);
      onHeld();
    }, HOLD_MS);
  };
  const cancel = () => {
    if (!timer.current) return;
    clearTimeout(timer.current);
    timer.current = 0;
    setHolding(false);
    setNote("Hold it for one second.");
  };
  const pointerDown = (event) => {
    if (event.button !== 0) return;
    event.target.releasePointerCapture(event.pointerId); // a finger's is captured: sliding off would not be told
    begin();
  };
  const isKey = (event) => event.key === " " || event.key === "Enter";
  const keyDown = (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) begin();
  };
  const keyUp = (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    cancel();
  };
  const press = (event) => {
    if (event.detail !== 0) return; // a pointer's: it was held, or not
    const now = performance.now();
    if (now - pressedAt.current < SECOND_PRESS_MS) {
      pressedAt.current = -Infinity;
      setNote("");
      onHeld();
    } else {
      pressedAt.current = now;
      setNote(again);
    }
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return html`<span class="hold-area">
    <button
      type="button"
      class=${`danger hold ${holding ? "holding" : ""}`}
      aria-describedby="hold-note"
      onPointerDown=${pointerDown}
      onPointerUp=${cancel}
      onPointerLeave=${cancel}
      onPointerCancel=${cancel}
      onContextMenu=${(event) => event.preventDefault()}
      onKeyDown=${keyDown}
      onKeyUp=${keyUp}
      onBlur=${cancel}
      onClick=${press}
    >
      <span>${holding ? "Keep holding…" : label}</span>
    </button>
    <span id="hold-note" class="hold-note" role="status">${note}</span>
  </span>`;
}
