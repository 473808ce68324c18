// The server as the page asks it: one function per thing, errors as a Problem with words for people.

const API = "/api/v1";
const SESSION = "/dashboard/session";
const TIMEOUT_MS = 15000;
const PAGE = 1000;
const MOST_PAGES = 20;

export class Problem extends Error {
  constructor(words, { status = 0, code = "unreachable" } = {}) {
    super(words);
    Object.assign(this, { status, code });
  }
}

async function ask(method, path, body) {
  const options = { method, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer, content;
  try {
    answer = await fetch(path, options);
    content = answer.status === 204 ? null : await answer.json();
  } catch {
    throw new Problem("The server does not answer. It may be starting or stopped.");
  }
  if (!answer.ok) throw problemOf(answer.status, content);
  return content;
}

// What changes something, by its name, and how it is done `instead` on the server: so that the page can say what was not
// done when the server did not know who asks.
async function change(what, method, path, body, instead = "") {
  try {
    return await ask(method, path, body);
  } catch (problem) {
    throw Object.assign(problem, { what, instead });
  }
}

function problemOf(status, content) {
  const fields = (content?.errors ?? []).map((one) => `${one.pointer.replace(/^\//, "")}: ${one.message}`);
  const words = [content?.detail ?? `The server said ${status}.`, ...fields].join(" ");
  return new Problem(words, { status, code: content?.code ?? "" });
}

export const signIn = (token) => ask("POST", SESSION, { token });
export const session = () => ask("GET", SESSION);

// Who is signed out already is so too; of anything else it is not known.
export async function signOut() {
  try {
    await ask("DELETE", SESSION);
  } catch (problem) {
    if (problem.status === 401) return;
    const { status, code } = problem;
    throw new Problem(`You may still be signed in on this browser: sign out again. ${problem.message}`, { status, code });
  }
}

export const characters = async () => (await ask("GET", `${API}/characters`)).data;
export const imageOf = (characterId) => `${API}/characters/${encodeURIComponent(characterId)}/image`;

export const pictureOf = (id, at) => botPath(id, `/picture?at=${at}`); // a new number: asked for anew

export const bot = (id) => ask("GET", botPath(id));

// A page of them: {data, next_cursor}.
export function bots(phase, wanted) {
  return ask("GET", `${API}/bots?${new URLSearchParams({ phase, ...wanted })}`);
}

// A person sends it: also where this meeting's bot was stopped or has left.
export const send = (meetingUrl, characterId) =>
  change("Sending a bot", "POST", `${API}/bots`, { meeting_url: meetingUrl, character_id: characterId, override: true });
export const say = (id, text) => change("The line to say", "POST", botPath(id, "/say"), { text });
export const leave = (id) => change("Telling the bot to leave", "POST", botPath(id, "/leave"), {});
export const stop = (id) => change("Stop now", "POST", botPath(id, "/kill"), undefined, `./understudy kill ${id}`);

export const calendars = async () => (await ask("GET", `${API}/calendars`)).data;

// The first so many pages of what comes up, as one: {data, next_cursor}. A list that changes while it is read may tell of
// an event twice.
export async function calendarEvents(pages) {
  const found = new Map();
  let cursor = "";
  for (let page = 0; page < pages && cursor !== null; page += 1) {
    const { data, next_cursor: next } = await ask("GET", `${API}/calendar-events?${new URLSearchParams(cursor && { cursor })}`);
    for (const event of data) found.set(event.id, event);
    cursor = next;
  }
  return { data: [...found.values()], next_cursor: cursor };
}
export const connectCalendar = (wanted) => change("Connecting the calendar", "POST", `${API}/calendars`, wanted);
export const askConsent = async (provider, wanted) =>
  (await change("Connecting the calendar", "POST", `${API}/calendars/${encodeURIComponent(provider)}`, wanted)).consent_url;
export const syncCalendar = (id) =>
  change("Reading the calendar", "POST", `${API}/calendars/${encodeURIComponent(id)}/sync`, {});
export const disconnectCalendar = (id) =>
  change("Disconnecting the calendar", "DELETE", `${API}/calendars/${encodeURIComponent(id)}`);
export const overrideEvent = (id, join) =>
  change("The choice for the event", "PUT", `${API}/calendar-events/${encodeURIComponent(id)}/override`, { join });

// Every bot that is in a meeting or on its way, also those this page has not heard of; how many they were.
export const stopAll = async () =>
  (await change("Stop all", "POST", `${API}/kill`, {}, "./understudy kill --all")).data.length;

export const events = (id, after) => all(botPath(id, "/events"), after);
export const transcript = (id, after) => all(botPath(id, "/transcript"), after);

export function evidenceOf(id, kept) {
  const name = String(kept).split("/").pop();
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.png$/.test(name) ? botPath(id, `/evidence/${name}`) : null;
}

function botPath(id, rest = "") {
  return `${API}/bots/${encodeURIComponent(id)}${rest}`;
}

async function all(path, after = 0) {
  const rows = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const from = rows.length ? rows[rows.length - 1].sequence : after;
    const { data } = await ask("GET", `${path}?after=${from}&limit=${PAGE}`);
    rows.push(...data);
    if (data.length < PAGE) break;
  }
  return rows;
}
