// Calendars: connect one, and what comes up, each event with whether a bot joins, why, and the choice to have it otherwise.

import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import * as api from "./api.js";
import { attempt, may, model } from "./model.js";
import { MeetingLink, Said } from "./parts.js";
import { clean, cleanLine, moment } from "./words.js";

const LOOK_MS = 15000;
const VERDICTS = {
  join: { label: "Joins", tone: "live" },
  stay_away: { label: "Stays away", tone: "over" },
  let_be: { label: "Nothing begun", tone: "over" },
};
const MEETINGS = {
  taken: "A bot that was sent otherwise is the one of this meeting.",
  served: "A bot has been there; it does not come again.",
  stopped: "The bot was stopped or turned away; it does not come again unless you choose it.",
  planned: "Its bot comes later.",
};
const ACCOUNTS = [
  ["google", "Google account"],
  ["microsoft", "Microsoft account"],
];
const CHOICES = [
  ["null", "As the rules say"],
  ["true", "Bot joins"],
  ["false", "No bot"],
];

export function Calendar({ focus }) {
  const [known, setKnown] = useState(null);
  const heading = useRef(null);
  const pages = useRef(1); // of what comes up: what is shown is read anew as far as it was
  const load = async () => {
    const asked = pages.current;
    const found = await attempt(async () => ({ calendars: await api.calendars(), events: await api.calendarEvents(asked) }));
    if (found && asked === pages.current) setKnown(found); // else more is wanted by now, and asked for
  };
  const loadMore = () => {
    pages.current += 1;
    return load();
  };
  useEffect(() => {
    load();
    const timer = setInterval(load, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, []);
  return html`<main class="bot-page" aria-labelledby="calendar-heading">
    <a class="back" href="#/">All bots</a>
    <h1 id="calendar-heading" ref=${heading} tabindex="-1">Calendar</h1>
    ${may("calendars:write") && html`<${Connect} onConnected=${load} />`}
    ${!known && html`<p class="hint">Loading…</p>`}
    ${known?.calendars.map((one) => html`<${Connected} key=${one.id} calendar=${one} onChanged=${load} />`)}
    ${known && html`<${Upcoming} events=${known.events.data} goesOn=${known.events.next_cursor !== null} any=${known.calendars.length > 0} onChanged=${load} onMore=${loadMore} />`}
  </main>`;
}

function Connect({ onConnected }) {
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = new FormData(form);
    setBusy(true);
    const rules = { join: given.get("join") };
    const made = await attempt(() =>
      api.connectCalendar({ url: given.get("address").trim(), character_id: given.get("goes"), owner: given.get("owner").trim(), rules }),
    );
    setBusy(false);
    if (made) {
      form.reset();
      onConnected();
    }
  };
  const consent = async (event, provider) => {
    const { form } = event.currentTarget;
    const given = new FormData(form);
    const owner = given.get("owner").trim();
    if (!owner) return form.elements.owner.focus();
    setBusy(true);
    const url = await attempt(() =>
      api.askConsent(provider, { owner, character_id: given.get("goes"), rules: { join: given.get("join") } }),
    );
    setBusy(false);
    if (url) location.assign(url);
  };
  return html`<form class="card send" onSubmit=${submit}>
    <h2>Connect a calendar</h2>
    <label for="address">Secret address in iCal format</label>
    <input id="address" name="address" type="password" maxlength="2048" autocomplete="off" required />
    <label for="owner">Whose calendar it is (e-mail address, if known)</label>
    <input id="owner" name="owner" type="email" maxlength="254" autocomplete="off" />
    <label for="join">A bot joins</label>
    <select id="join" name="join">
      <option value="chosen">only events I choose</option>
      <option value="accepted">events I have accepted</option>
      <option value="all">all events with a link that I have not declined</option>
    </select>
    <label for="goes">Character</label>
    <select id="goes" name="goes" required disabled=${!model.characters.length}>
      ${model.characters.map((one) => html`<option key=${one.id} value=${one.id}>${cleanLine(one.name, 60)}</option>`)}
    </select>
    <button class="primary" disabled=${busy || !model.characters.length}>${busy ? "Connecting…" : "Connect"}</button>
    <p class="hint">Or without a secret address, by consent of the account above:</p>
    <div class="row">
      ${ACCOUNTS.map(
        ([provider, label]) =>
          html`<button key=${provider} type="button" disabled=${busy || !model.characters.length} onClick=${(event) => consent(event, provider)}>${label}</button>`,
      )}
    </div>
  </form>`;
}

function Connected({ calendar, onChanged }) {
  const name = cleanLine(calendar.name, 80);
  const then = async (doing) => {
    await attempt(doing);
    onChanged();
  };
  const read = calendar.synced_at ? `Read ${moment(calendar.synced_at)}.` : "Not read yet.";
  return html`<section class="card" aria-label=${`Calendar ${name}`}>
    <div class="event-head"><strong><bdi dir="auto">${name}</bdi></strong> <span class="meta">${read}</span></div>
    ${calendar.code && html`<p class="problem">${clean(calendar.detail, 400)}</p>`}
    ${may("calendars:write") &&
    html`<div class="row">
      <button type="button" onClick=${() => then(() => api.syncCalendar(calendar.id))}>Read now</button>
      <button type="button" onClick=${() => then(() => api.disconnectCalendar(calendar.id))}>Disconnect</button>
    </div>`}
  </section>`;
}

function Upcoming({ events, goesOn, any, onChanged, onMore }) {
  return html`<section class="card" aria-labelledby="upcoming-heading">
    <h2 id="upcoming-heading">Coming up <span class="count">${events.length}${goesOn ? "+" : ""}</span></h2>
    ${!events.length && html`<p class="hint">${any ? "Nothing in the next four weeks." : "No calendar is connected."}</p>`}
    <ul class="events">
      ${events.map((event) => html`<${Upcome} key=${event.id} event=${event} onChanged=${onChanged} />`)}
    </ul>
    ${goesOn && html`<button type="button" class="plain-button" onClick=${onMore}>Show later events</button>`}
  </section>`;
}

function Upcome({ event, onChanged }) {
  const verdict = VERDICTS[event.verdict] ?? { label: "Undecided", tone: "wait" };
  const choose = async (change) => {
    await attempt(() => api.overrideEvent(event.id, JSON.parse(change.target.value)));
    onChanged();
  };
  return html`<li class="event">
    <div class="event-head">
      <strong><${Said} text=${event.title || "Untitled"} /></strong>
      <span class=${`state ${verdict.tone}`}><span class="dot" aria-hidden="true"></span>${verdict.label}</span>
    </div>
    <p class="meta">${moment(event.starts_at)}</p>
    <p>${clean(event.because, 200)} ${MEETINGS[event.meeting] ?? ""}</p>
    ${event.chosen_link &&
    html`<p class="meta"><${MeetingLink} url=${event.chosen_link.url} /> from ${clean(event.chosen_because, 80)}</p>`}
    ${event.bot_id && html`<p class="meta"><a href=${`#/bots/${event.bot_id}`}>Its bot</a></p>`}
    <label for=${`of-${event.id}`}>For this event</label>
    <select id=${`of-${event.id}`} value=${String(event.override)} disabled=${!may("calendars:write")} onChange=${choose}>
      ${CHOICES.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
    </select>
  </li>`;
}
