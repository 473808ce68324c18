// Words for people: states, events, times; and foreign text made fit to show. Pure: knows no page and no server.

export const STATES = {
  scheduled: { label: "Scheduled", tone: "wait", sentence: (bot) => `Joins ${moment(bot.join_at)}.` },
  claimed: { label: "Claimed", tone: "busy", sentence: () => "Is about to start." },
  starting: { label: "Starting", tone: "busy", sentence: () => "Gets browser, voice and face ready." },
  joining: { label: "Joining", tone: "busy", sentence: () => "Is on the way into the meeting." },
  waiting_room: { label: "Waiting room", tone: "wait", sentence: () => "Waits for a host to let it in." },
  in_call: { label: "In the meeting", tone: "live", sentence: () => "Listens, and answers when spoken to." },
  leaving: { label: "Leaving", tone: "busy", sentence: () => "Is leaving the meeting." },
  post_processing: { label: "Finishing", tone: "busy", sentence: () => "Has left the meeting and finishes its records." },
  ended: { label: "Ended", tone: "over", sentence: () => "The meeting is over for it." },
  failed: { label: "Failed", tone: "bad", sentence: () => "It could not go on." },
  cancelled: { label: "Cancelled", tone: "over", sentence: () => "Was called off before it joined." },
  lost: { label: "Lost", tone: "bad", sentence: () => "Its process vanished." },
  data_deleted: { label: "Deleted", tone: "over", sentence: () => "Its data was deleted." },
};

const UNKNOWN = { label: "Unknown", tone: "over", sentence: () => "" };

export const PHASES = {
  live: new Set(["claimed", "starting", "joining", "waiting_room", "in_call", "leaving", "post_processing"]),
  upcoming: new Set(["scheduled"]),
  ended: new Set(["ended", "failed", "cancelled", "lost", "data_deleted"]),
};

export const SHOWS = new Set(["joining", "waiting_room", "in_call", "leaving"]); // it has a face by then

const EVENTS = {
  "asked.leave": "Asked to leave",
  "asked.kill": "Stopped by a user",
  "asked.say": "Asked to say a line",
  "kill.signalled": "Its host was told to silence it",
  "kill.silent": "Silent, its picture neutral",
  "disclosure.spoken": "Said aloud that it is an AI",
  "disclosure.written": "Wrote in the chat that it is an AI",
  "disclosure.delayed": "Could not yet say that it is an AI",
  "disclosure.failed": "Could not say that it is an AI",
  "chat.message": "Chat message",
  "retimed": "Moved to another time",
  "launch.refused": "Its host was full",
  "process.launched": "Process launched",
  "process.started": "Process started",
  "media.settings": "Picture and sound set up",
  "media.picture_missing": "Its picture does not reach the others",
  "media.picture_back": "Its picture reaches the others again",
  "media.sound_missing": "Its voice does not reach the others; it may be muted",
  "media.sound_back": "Its voice reaches the others again",
  "lobby.sent_back": "Sent back to the lobby",
  "media.summary": "Picture and sound summed up",
};

export function stateOf(name) {
  return STATES[name] ?? { ...UNKNOWN, label: name };
}

export function sentenceOf(bot) {
  return bot.detail || stateOf(bot.state).sentence(bot);
}

export function eventTitle(event) {
  return event.kind === "state" ? stateOf(event.state).label : EVENTS[event.kind] ?? event.kind;
}

const BY = { dashboard: () => "from the dashboard", participant: () => "by a participant", api_key: keyName };

function keyName({ key_name: name }) {
  return name ? `with the key ${cleanLine(name, 60)}` : "with an API key";
}

// Who asked for it, where an event says so.
export function askedBy(data) {
  return Object.hasOwn(BY, data?.by) ? BY[data.by](data) : "";
}

const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g; // embeddings and overrides: letters in another order than written
const MARKS = /[\u061c\u200e\u200f]/g;

// At most `limit` characters of foreign text, with control characters made visible and none that reorders the others.
// Of a surrogate pair never one half.
export function clean(text, limit) {
  let part = String(text ?? "").slice(0, limit);
  if (/[\ud800-\udbff]$/.test(part)) part = part.slice(0, -1);
  return part.replace(CONTROLS, "\ufffd").replace(TURNS, "");
}

// The same for names and links: one line, and nothing in it that turns the direction of what stands around it.
export function cleanLine(text, limit = 200) {
  const whole = String(text ?? "");
  const line = clean(whole.slice(0, limit * 2).replace(MARKS, ""), limit).replace(/\s+/g, " ").trim();
  return whole.length > limit ? `${line}…` : line;
}

// Where a link may lead: http and https only; null for anything else.
export function safeLink(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

export function meetingName(url) {
  const safe = safeLink(url);
  if (!safe) return cleanLine(url);
  const { host, pathname } = new URL(safe);
  return cleanLine(host + (pathname === "/" ? "" : pathname), 120);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export function moment(iso, now = new Date()) {
  const at = new Date(iso);
  const clock = CLOCK.format(at);
  return at.toDateString() === now.toDateString() ? `at ${clock}` : `on ${DAY.format(at)}, ${clock}`;
}

export function clockTime(iso) {
  return new Date(iso).toLocaleTimeString();
}

// How long ago, in the largest unit that fits.
export function howLong(iso, now = Date.now()) {
  const minutes = Math.floor((now - new Date(iso).getTime()) / 60000);
  if (minutes < 1) return "";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d`;
}

export function offset(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  return seconds >= 3600 ? [Math.floor(seconds / 3600), ...parts].join(":") : parts.join(":");
}

// One of eight places on the colour circle, always the same for one speaker.
export function hueOf(name) {
  let hash = 0;
  for (const one of String(name)) hash = (hash * 31 + one.codePointAt(0)) % 997;
  return hash % 8;
}
