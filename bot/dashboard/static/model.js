// What the page knows, kept true by the live stream. Views read it and are told when it has changed.

import * as api from "./api.js";
import { follow } from "./live.js";
import { PHASES } from "./words.js";

const MOST_ROWS = 20000; // of one bot's transcript or events; older ones are dropped from this page only
const LISTS = { live: { limit: 100 }, upcoming: { limit: 100, order: "soonest" }, ended: { limit: 20 } };
const FEW = 20; // of those listed: where there are more, more are read
const RETRY_MS = 5000; // lists that could not be read are read again

export const model = {
  signedIn: null, // null: not known yet
  over: false, // the session has ended, and not by who had it
  notDone: [], // what was asked for when it had: {what, instead}
  role: "",
  scopes: new Set(), // what this sign-in may do; the server decides, this page only does not offer the rest
  link: "connecting", // open | lost
  loaded: false,
  characters: [],
  bots: new Map(),
  details: new Map(), // bot id -> {events, segments, read}, of bots that were looked at
  more: {}, // phase -> the cursor behind those that are here; null: these are all
  shownUntil: Infinity, // upcoming ones are known up to this time of joining
  problem: "",
};

const watchers = new Set();
let unfollow = null, told = false, retry = 0;

export function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

function tell() {
  if (told) return;
  told = true; // many changes at once are one drawing
  setTimeout(() => {
    told = false;
    watchers.forEach((changed) => changed());
  }, 16);
}

function set(values) {
  Object.assign(model, values);
  tell();
}

// Whatever fails is told on the page; who is signed out sees the sign-in, and there what was not done.
export async function attempt(doing) {
  try {
    set({ problem: "" });
    return await doing();
  } catch (problem) {
    if (problem.status === 401) ended(problem);
    else set({ problem: problem.message });
    return null;
  }
}

export async function begin(token) {
  const { role, scopes } = await (token ? api.signIn(token) : api.session());
  set({ signedIn: true, role, scopes: new Set(scopes), link: "connecting", over: false, notDone: [] });
  unfollow?.();
  unfollow = follow({ onTopic: hear, onState: linked, onRefused: refused });
}

export const may = (scope) => model.scopes.has(scope);

function linked(link) {
  set({ link });
  if (link === "lost" && !model.loaded) loadAll(); // without a stream the lists still say how things stand
}

export function leave() {
  unfollow?.();
  unfollow = null;
  clearTimeout(retry);
  model.bots.clear();
  model.details.clear();
  set({ signedIn: false, role: "", scopes: new Set(), loaded: false, characters: [], more: {}, problem: "" });
}

// The server says that nobody is signed in here. Stream, lists and deeds may each be told so, in any order: what was not
// done stays to be read until someone is signed in again.
function ended({ what, instead }) {
  const over = model.over || model.signedIn === true;
  leave();
  set({ over, notDone: what ? [...model.notDone, { what, instead }] : model.notDone });
}

async function refused() {
  try {
    await api.session();
  } catch (problem) {
    if (problem.status === 401) {
      ended(problem);
      return true;
    }
  }
  return false;
}

async function loadAll() {
  clearTimeout(retry);
  if ((await attempt(load)) === null && model.signedIn) retry = setTimeout(loadAll, RETRY_MS);
}

const loading = new Set(); // of each load under way: the bots that the stream told of meanwhile

async function load() {
  const heard = new Set();
  loading.add(heard);
  try {
    await readLists(heard);
  } finally {
    loading.delete(heard);
  }
}

// What was told after a list was asked for may be newer than the list, and stands.
async function readLists(heard) {
  const phases = Object.keys(LISTS);
  const [characters, ...pages] = await Promise.all([
    api.characters(),
    ...phases.map((phase) => api.bots(phase, LISTS[phase])),
  ]);
  const fresh = new Map(pages.flatMap((page) => page.data).map((bot) => [bot.id, bot]));
  for (const [id, bot] of model.bots) {
    const listed = fresh.get(id);
    const stands = listed ? listed.updated_at <= bot.updated_at : PHASES.ended.has(bot.state);
    if (heard.has(id) ? !listed || stands : !listed && stands) fresh.set(id, bot);
  }
  set({ characters, bots: fresh, loaded: true });
  phases.forEach((phase, index) => readUpTo(phase, pages[index]));
  await Promise.all([...model.details.keys()].map(look)); // one may be behind the pages
}

function readUpTo(phase, { data, next_cursor: cursor }) {
  set({ more: { ...model.more, [phase]: cursor } });
  if (phase === "upcoming") set({ shownUntil: cursor ? Date.parse(data[data.length - 1].join_at) : Infinity });
}

const readingOn = new Map(); // phase -> a page under way

export function loadMore(phase) {
  if (!readingOn.has(phase)) readingOn.set(phase, nextPage(phase).finally(() => readingOn.delete(phase)));
  return readingOn.get(phase);
}

async function nextPage(phase) {
  const cursor = model.more[phase];
  const page = await api.bots(phase, { ...LISTS[phase], cursor });
  if (model.more[phase] !== cursor) return; // the lists were read anew meanwhile
  page.data.forEach(keep);
  readUpTo(phase, page);
}

// Those that are here go into their meetings and out of them, and the next ones are not told by the stream.
function topUp() {
  for (const phase of ["live", "upcoming"]) {
    if (model.more[phase] && inPhase(phase).length < FEW && !readingOn.has(phase)) {
      loadMore(phase).then(topUp, () => {}); // what is told next tries again
    }
  }
}

function keep(bot) {
  const known = model.bots.get(bot.id);
  if (!known || known.updated_at <= bot.updated_at) model.bots.set(bot.id, bot);
  loading.forEach((heard) => heard.add(bot.id));
  tell();
}

// Begin to keep all of one bot: its events and what was said.
export async function look(id) {
  if (!model.bots.has(id)) keep(await api.bot(id));
  if (!model.details.has(id)) model.details.set(id, nothingYet());
  await catchUp(id);
}

const nothingYet = () => ({ events: [], segments: [], read: { events: 0, segments: 0 }, loaded: false, heard: false });

const catching = new Map();

function catchUp(id) {
  if (!catching.has(id)) {
    catching.set(id, readOn(id).finally(() => catching.delete(id)));
  }
  return catching.get(id);
}

async function readOn(id) {
  const details = model.details.get(id);
  details.heard = false;
  const [events, segments] = await Promise.all([
    api.events(id, details.read.events),
    api.transcript(id, details.read.segments),
  ]);
  add(details, "events", events);
  add(details, "segments", segments);
  details.loaded = true;
  tell();
  if (details.heard) await readOn(id); // more was told while this was read
}

// Of a transcript: a later line may take the place of an earlier one, or take it back.
function holding(rows) {
  const corrected = new Set(rows.map((row) => row.supersedes));
  return rows.filter((row) => !corrected.has(row.sequence) && (row.text !== "" || row.supersedes === null));
}

const HOLDS = { events: (rows) => rows, segments: holding };

function add(details, name, rows) {
  const fresh = rows.filter((row) => row.sequence > details.read[name]);
  if (!fresh.length) return;
  details.read[name] = fresh[fresh.length - 1].sequence; // the last may itself not be kept
  details[name] = HOLDS[name]([...details[name], ...fresh]).slice(-MOST_ROWS);
}

const TOPICS = {
  hello: loadAll, // not before: what happens from now on is told by the stream
  resumed: () => {},
  reset: loadAll,
  bot: (bot) => {
    keep(bot);
    topUp();
  },
  event: (row) => hearRow("events", "kind", row),
  segment: (row) => hearRow("segments", "text", row),
};

function hear(topic, data) {
  TOPICS[topic](data);
  tell();
}

// A row out of order, or too large for the stream, is read from the list.
function hearRow(name, told, row) {
  const details = model.details.get(row.bot_id);
  if (!details || row.sequence <= details.read[name]) return;
  const fits = row.sequence === details.read[name] + 1 && row[told] !== undefined;
  if (fits && details.loaded && !catching.has(row.bot_id)) {
    add(details, name, [row]);
  } else {
    details.heard = true;
    catchUp(row.bot_id).catch(() => {}); // the next row tries again
  }
}

const BY = {
  live: (one, other) => other.created_at.localeCompare(one.created_at),
  upcoming: (one, other) => Date.parse(one.join_at) - Date.parse(other.join_at) || one.id.localeCompare(other.id),
  ended: (one, other) => (other.ended_at ?? other.updated_at).localeCompare(one.ended_at ?? one.updated_at),
};

// Of a list that goes on nobody is shown who stands behind others that are not here.
export function inPhase(phase) {
  const known = [...model.bots.values()].filter((bot) => PHASES[phase].has(bot.state));
  const shown = phase === "upcoming" ? known.filter((bot) => Date.parse(bot.join_at) <= model.shownUntil) : known;
  return shown.sort(BY[phase]);
}

export const countOf = (phase) => `${inPhase(phase).length}${model.more[phase] ? "+" : ""}`;

// What a user does; the answer is the bot as it then is.
export async function act(doing, ...words) {
  return attempt(async () => {
    const answer = await doing(...words);
    if (answer?.id) keep(answer);
    return answer;
  });
}
