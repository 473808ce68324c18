// One bot: what it is doing, what can be done about it, what was said, what happened.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import * as api from "./api.js";
import { act, attempt, look, may, model } from "./model.js";
import { MeetingLink, Name, Picture, Said, Since, State } from "./parts.js";
import { PHASES, askedBy, clean, cleanLine, clockTime, eventTitle, hueOf, offset, sentenceOf } from "./words.js";

const ROWS = 200;
const NEAR_END_PX = 48;
const LONGEST_LINE = 500;

export function Bot({ id, focus }) {
  const heading = useRef(null);
  useEffect(() => {
    attempt(() => look(id));
  }, [id, model.loaded]);
  const bot = model.bots.get(id);
  useEffect(() => {
    if (focus) heading.current?.focus();
  }, [id, Boolean(bot)]);
  if (!bot) return html`<main class="bot-page"><p class="hint">Loading…</p></main>`;
  const details = model.details.get(id) ?? { events: [], segments: [] };
  return html`<main class="bot-page" aria-labelledby="bot-name">
    <a class="back" href="#/">All bots</a>
    <header class="card bot-card">
      <${Picture} key=${`picture-${id}`} bot=${bot} size="large" />
      <div class="bot-facts">
        <h1 id="bot-name" ref=${heading} tabindex="-1"><${Name} text=${bot.bot_name} /></h1>
        <p class="meeting"><${MeetingLink} url=${bot.meeting_url} /></p>
        <p class="now" role="status"><${State} bot=${bot} /> <span>${clean(sentenceOf(bot), 400)}</span></p>
        ${!PHASES.upcoming.has(bot.state) && html`<p class="since"><${Since} iso=${bot.updated_at} /></p>`}
      </div>
      ${may("bots:write") && html`<${Actions} key=${id} bot=${bot} />`}
    </header>
    ${bot.state === "in_call" && may("bots:write") && html`<${Say} key=${`say-${id}`} bot=${bot} />`}
    <div class="columns">
      <${Transcript} key=${`said-${id}`} bot=${bot} rows=${details.segments} />
      <${Events} key=${`events-${id}`} bot=${bot} rows=${details.events} />
    </div>
  </main>`;
}

function Actions({ bot }) {
  const [asked, setAsked] = useState("");
  const over = PHASES.ended.has(bot.state);
  const upcoming = PHASES.upcoming.has(bot.state);
  const ask = async (words, doing) => {
    setAsked("");
    if (await act(doing, bot.id)) setAsked(words);
  };
  if (over) return null;
  return html`<div class="actions">
    <button type="button" onClick=${() => ask("It was asked to leave.", api.leave)}>${upcoming ? "Cancel" : "Leave"}</button>
    ${!upcoming &&
    html`<button type="button" class="danger" onClick=${() => ask("It was told to stop at once.", api.stop)}>
      Stop now
    </button>`}
    <p class="hint" role="status">
      ${asked || (upcoming ? "" : "Leave says goodbye first. Stop is silent at once.")}
    </p>
  </div>`;
}

function Say({ bot }) {
  const [told, setTold] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const text = form.elements.line.value.trim();
    if (text && (await act(api.say, bot.id, text))) {
      form.elements.line.value = "";
      setTold("It will be said in a few seconds.");
    }
  };
  return html`<form class="card say" onSubmit=${submit}>
    <label for="line">Let it say</label>
    <div class="row">
      <input id="line" name="line" maxlength=${LONGEST_LINE} autocomplete="off" dir="auto" required
        onInput=${() => setTold("")} />
      <button disabled=${model.link !== "open"}>Say</button>
    </div>
    <p class="hint" role="status">${told || "Everyone in the meeting hears it, in the character's voice."}</p>
  </form>`;
}

function Earlier({ count, onShow }) {
  return html`<button type="button" class="plain-button" onClick=${onShow}>Show ${Math.min(count, ROWS)} earlier</button>`;
}

function Transcript({ bot, rows }) {
  const [most, setMost] = useState(ROWS);
  const [atEnd, setAtEnd] = useState(true);
  const log = useRef(null);
  const hidden = Math.max(0, rows.length - most);
  useLayoutEffect(() => {
    if (atEnd) toEnd();
  }, [rows.length, rows[rows.length - 1]?.sequence]); // a correction may leave as many
  const toEnd = () => {
    log.current.scrollTop = log.current.scrollHeight;
  };
  const scrolled = ({ target }) =>
    setAtEnd(target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END_PX);
  return html`<section class="card" aria-labelledby="transcript-title">
    <h2 id="transcript-title">Transcript <span class="count">${rows.length}</span></h2>
    ${hidden > 0 && html`<${Earlier} count=${hidden} onShow=${() => setMost(most + ROWS)} />`}
    <div class="scroll transcript" role="log" aria-live="polite" aria-labelledby="transcript-title" tabindex="0"
      ref=${log} onScroll=${scrolled}>
      ${!rows.length && html`<p class="hint">${PHASES.ended.has(bot.state) ? "Nothing was said." : "Nothing was said yet."}</p>`}
      ${rows.slice(hidden).map((row) => html`<${Line} key=${row.sequence} row=${row} />`)}
    </div>
    ${!atEnd && html`<button type="button" class="plain-button" onClick=${toEnd}>To the newest</button>`}
  </section>`;
}

function Line({ row }) {
  const sure = row.confidence == null || row.own ? "" : `, ${Math.round(row.confidence * 100)} % sure`;
  return html`<article class=${`line ${row.own ? "own" : ""}`}>
    <p class="who">
      <span class=${`speaker hue-${row.own ? "own" : hueOf(row.speaker_id)}`} aria-hidden="true"></span>
      <strong><${Name} text=${row.speaker_name || "Unknown speaker"} /></strong>
      ${row.own && html`<span class="tag">AI</span>`}
      <span class="meta">${offset(row.start_ms)}</span>
    </p>
    <p class="what">
      <${Said} text=${row.text} />
      ${row.cut && html` <span class="tag cut" title="Ended by an interruption">cut off</span>`}
    </p>
    ${!row.own && html`<p class="meta">source: ${cleanLine(row.source, 40) || "unknown"}${sure}</p>`}
  </article>`;
}

function Events({ bot, rows }) {
  const [most, setMost] = useState(ROWS);
  const newestFirst = rows.slice(-most).reverse();
  return html`<section class="card" aria-labelledby="events-title">
    <h2 id="events-title">Events <span class="count">${rows.length}</span></h2>
    <ol class="scroll events" reversed tabindex="0" aria-labelledby="events-title">
      ${newestFirst.map((row) => html`<${Event} key=${row.sequence} bot=${bot} row=${row} />`)}
    </ol>
    ${rows.length > most && html`<${Earlier} count=${rows.length - most} onShow=${() => setMost(most + ROWS)} />`}
  </section>`;
}

function Event({ bot, row }) {
  const { heading, pii_name: name, pii_text: text, evidence, ...rest } = row.data ?? {};
  const pictures = (Array.isArray(evidence) ? evidence : []).map((kept) => api.evidenceOf(bot.id, kept)).filter(Boolean);
  const more = Object.keys(rest).length > 0;
  return html`<li class="event">
    <p class="event-head">
      <strong>${cleanLine(eventTitle(row), 80)}</strong> ${askedBy(row.data)}
      ${row.code && html` <code>${cleanLine(row.code, 60)}</code>`}
      <time class="meta" datetime=${row.at}>${clockTime(row.at)}</time>
    </p>
    ${row.detail && html`<p><${Said} text=${row.detail} /></p>`}
    ${heading && html`<p>The page said: <q><${Said} text=${heading} /></q></p>`}
    ${text && html`<p>${name && html`<${Name} text=${name} />: `}<${Said} text=${text} /></p>`}
    ${pictures.map((source) => html`<${Evidence} key=${source} source=${source} />`)}
    ${more && html`<details><summary>Details</summary><pre><${Said} text=${JSON.stringify(rest, null, 2)} /></pre></details>`}
  </li>`;
}

function Evidence({ source }) {
  const [gone, setGone] = useState(false);
  if (gone) return html`<p class="hint">The screenshot is not on this server any more.</p>`;
  return html`<a class="evidence" href=${source} target="_blank" rel="noopener">
    <img src=${source} loading="lazy" alt="What the bot saw: a screenshot" onError=${() => setGone(true)} />
  </a>`;
}
