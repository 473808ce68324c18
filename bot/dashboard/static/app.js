// The page: who is signed in, what the address asks for, and the bar that is always there.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import * as api from "./api.js";
import { Bot } from "./bot.js";
import { Calendar } from "./calendar.js";
import { attempt, begin, countOf, inPhase, leave, may, model } from "./model.js";
import { HoldButton, Problem, useModel } from "./parts.js";
import { SignIn } from "./sign_in.js";
import { Wall } from "./wall.js";

const LINK = { connecting: "Connecting", open: "Live", lost: "Reconnecting" };

const ROLES = { viewer: "Viewing only", operator: "Operator" };

const CALENDAR = "#/calendar";

function route() {
  if (location.hash === CALENDAR) return CALENDAR;
  const [, id] = /^#\/bots\/([0-9A-Za-z-]{1,64})$/.exec(location.hash) ?? [];
  return id ?? "";
}

function useRoute() {
  const [id, setId] = useState(route());
  const [moved, setMoved] = useState(false);
  useEffect(() => {
    const changed = () => {
      setMoved(true);
      setId(route());
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return [id, moved];
}

function Bar() {
  const [stopped, setStopped] = useState("");
  const live = inPhase("live").length;
  const known = model.loaded && model.link === "open" && live > 0;
  const stopAll = async () => {
    setStopped("");
    const count = await attempt(api.stopAll);
    if (count !== null) setStopped(`${count} told to stop.`);
  };
  const signOut = async () => {
    setStopped("");
    await attempt(async () => {
      await api.signOut();
      leave();
    });
  };
  return html`<header class="bar">
    <a class="brand" href="#/"><img src="icon.svg" alt="" width="28" height="28" /> Understudy</a>
    <span class=${`link ${model.link}`} role="status"><span class="dot" aria-hidden="true"></span>${LINK[model.link]}</span>
    <a href=${CALENDAR}>Calendar</a>
    <span class="grow" role="status">${stopped}</span>
    ${model.role !== "admin" && html`<span class="hint">${ROLES[model.role] ?? model.role}</span>`}
    ${may("bots:write") && // with no live bot known, too: the server knows of those on their way, and of what is new
    html`<${HoldButton}
      label=${known ? `Stop all (${live}${model.more.live ? "+" : ""})` : "Stop all"}
      again="Press again within five seconds to stop all."
      onHeld=${stopAll}
    />`}
    <button type="button" class="quiet" onClick=${signOut}>Sign out</button>
  </header>`;
}

function App({ problem }) {
  useModel();
  const [id, moved] = useRoute();
  useEffect(() => {
    document.title = model.signedIn ? `Understudy: ${countOf("live")} live` : "Understudy";
  });
  if (model.signedIn === null) return html`<p class="plain">Loading…</p>`;
  if (!model.signedIn) return html`<${SignIn} problem=${problem} />`;
  return html`<${Bar} />
    ${model.link === "lost" &&
    html`<p class="banner" role="status">
      The live connection is down: what is shown may be old. Stop and Leave are still sent; if they fail, run${" "}
      <code>./understudy kill --all</code> on the server.
    </p>`}
    <div class="notes"><${Problem} words=${model.problem} /></div>
    <div class=${`panes ${id ? "with-bot" : ""}`}>
      <${Wall} chosen=${id} />
      ${id === CALENDAR
        ? html`<${Calendar} focus=${moved} />`
        : id
        ? html`<${Bot} id=${id} focus=${moved} />`
        : html`<main class="bot-page empty"><p class="hint">Choose a bot to see what it hears, says and does.</p></main>`}
    </div>`;
}

// The token comes behind the #, which no server and no log sees; it leaves the address before anything else happens.
function tokenOfAddress() {
  const [, token] = /^#token=([0-9A-Za-z_-]{1,200})$/.exec(location.hash) ?? [];
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

// Signs in with the address's token, or goes on as this browser's session; returns what went wrong, in words.
async function enter() {
  const token = tokenOfAddress();
  try {
    await begin(token);
  } catch (refused) {
    if (token) await begin().catch(() => {}); // the link was used before, and this browser is in
    if (!model.signedIn) leave();
    return model.signedIn || refused.code === "signed_out" ? "" : refused.message;
  }
  return "";
}

async function start() {
  const place = document.getElementById("app");
  const draw = (problem) => render(html`<${App} key=${problem} problem=${problem} />`, place);
  const problem = await enter();
  place.textContent = "";
  draw(problem);
  addEventListener("hashchange", async () => {
    if (!model.signedIn && location.hash.startsWith("#token=")) draw(await enter());
  });
}

start();
