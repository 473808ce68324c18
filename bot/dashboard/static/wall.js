// The wall: send a bot, and all bots by what they are up to.

import { useState } from "preact/hooks";
import { html } from "./html.js";
import * as api from "./api.js";
import { act, attempt, countOf, inPhase, loadMore, may, model } from "./model.js";
import { Name, Picture, Since, State } from "./parts.js";
import { PHASES, cleanLine, meetingName, sentenceOf } from "./words.js";

const SECTIONS = [
  ["live", "Live", "Show more", "No bot is in a meeting now."],
  ["upcoming", "Upcoming", "Show later ones", ""],
  ["ended", "Ended", "Show earlier ones", ""],
];

export function Wall({ chosen }) {
  return html`<nav class="wall" aria-label="Bots">
    ${may("bots:write") && html`<${Send} />`}
    ${SECTIONS.map(
      ([phase, title, further, empty]) =>
        html`<${Section} key=${phase} ...${{ phase, title, further, empty, chosen }} />`,
    )}
  </nav>`;
}

function Section({ phase, title, further, empty, chosen }) {
  const bots = inPhase(phase);
  const more = Boolean(model.more[phase]);
  if (!bots.length && !empty && !more) return null;
  return html`<section aria-labelledby=${`of-${phase}`}>
    <h2 id=${`of-${phase}`}>${title} <span class="count">${countOf(phase)}</span></h2>
    ${!bots.length && !more && html`<p class="hint">${model.loaded ? empty : "Loading…"}</p>`}
    <ul class="bots">
      ${bots.map((bot) => html`<${Row} key=${bot.id} bot=${bot} chosen=${bot.id === chosen} />`)}
    </ul>
    ${more &&
    html`<button type="button" class="plain-button" onClick=${() => attempt(() => loadMore(phase))}>${further}</button>`}
  </section>`;
}

function Row({ bot, chosen }) {
  return html`<li>
    <a class=${`bot ${chosen ? "chosen" : ""}`} href=${`#/bots/${bot.id}`} aria-current=${chosen ? "true" : null}>
      <${Picture} bot=${bot} />
      <span class="bot-words">
        <span class="bot-head"><strong><${Name} text=${bot.bot_name} /></strong><${State} bot=${bot} /></span>
        <span class="meeting"><bdi dir="ltr">${meetingName(bot.meeting_url)}</bdi></span>
        <span class="sentence">${cleanLine(sentenceOf(bot))}</span>
        ${!PHASES.upcoming.has(bot.state) && html`<span class="since"><${Since} iso=${bot.updated_at} /></span>`}
      </span>
    </a>
  </li>`;
}

function Send() {
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = new FormData(form);
    setBusy(true);
    const bot = await act(api.send, given.get("link").trim(), given.get("character"));
    setBusy(false);
    if (bot) {
      form.elements.link.value = "";
      location.hash = `#/bots/${bot.id}`;
    }
  };
  return html`<form class="card send" onSubmit=${submit}>
    <h2>Send a bot</h2>
    <label for="link">Meeting link</label>
    <input id="link" name="link" type="url" inputmode="url" maxlength="2048" autocomplete="off" required
      placeholder="https://…" />
    <label for="character">Character</label>
    <select id="character" name="character" required disabled=${!model.characters.length}>
      ${model.characters.map(
        (one) => html`<option key=${one.id} value=${one.id}>${cleanLine(one.name, 60)}</option>`,
      )}
    </select>
    <button class="primary" disabled=${busy || !model.characters.length}>${busy ? "Sending…" : "Send now"}</button>
  </form>`;
}
