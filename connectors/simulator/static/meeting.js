// The meeting page: door, lobby, call and the screens that end it. What happens is decided by the server.
import { Call } from "./call.js";
import { element, icon } from "./dom.js";
import { listMicrophones, openDevices, watchVoice } from "./media.js";
import { Mixer, SharedTracks } from "./mixed.js";
import { SKINS } from "./skins.js";
import { Tiles } from "./tiles.js";

const SCREENS = ["launcher", "prejoin", "lobby", "call", "notice"];
const query = new URLSearchParams(location.search);
const platform = document.body.dataset.platform ?? "meet";
const skin = SKINS[platform];
query.set("platform", platform);
const { labels, texts, lost } = await (await fetch(`/labels.json?${query}`)).json();
const variants = new Set((query.get("variant") ?? "").split("."));
const at = (id) => document.getElementById(id) ?? document.querySelector(`[data-part="${id}"]`);
const code = decodeURIComponent(location.pathname.split("/").pop());
const mine = { camera: true, microphone: true, hand: false, speaking: false, sharing: false };
const people = new Map();
const LATE_MS = 1500;
const COOKIES_ID = "onetrust-reject-all-handler";
const RESTING_MS = 1000;
let resting;
const tiles = new Tiles(at("grid"), texts.you, skin, { nameless: variants.has("nameless") });
let self = null;
let call = null;
let mixer = null; // where the platform's server sends other tracks than the participants'
let local = new MediaStream();
let ready = false; // the devices have answered
let stopWatching = () => {};

const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/${encodeURIComponent(code)}?${query}`);
const send = (message) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };

function show(screen) {
  for (const name of SCREENS) if (at(name)) at(name).hidden = name !== screen;
  at("toolbar")?.classList.toggle("hiding", variants.has("hiding_toolbar"));
}

function label(control, name) {
  control.setAttribute("aria-label", name);
  control.title = name;
}

function dress() {
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = texts[one.dataset.text] ?? "";
  for (const one of document.querySelectorAll("[data-label]")) label(one, labels[one.dataset.label]);
  for (const one of document.querySelectorAll("[data-placeholder]")) one.placeholder = labels[one.dataset.placeholder];
  if (variants.has("renamed_chat")) label(at("chat-open"), `${labels.chat} - New message`);
  at("code").textContent = code;
  document.title = `${code} – Meeting`;
}

function drawMine() {
  for (const [device, controls] of [["microphone", ["microphone", "door-microphone"]], ["camera", ["camera", "door-camera"]]]) {
    for (const id of controls) {
      at(id).classList.toggle("off", !mine[device]);
      label(at(id), labels[`${device}_${mine[device] ? "off" : "on"}`]);
      at(id).setAttribute("aria-checked", String(mine[device]));
    }
  }
  at("hand").classList.toggle("on", mine.hand);
  label(at("hand"), labels[mine.hand ? "hand_down" : "hand_up"]);
  at("preview").classList.toggle("hidden", !mine.camera);
  const note = at("preview-note");
  note.textContent = local.getVideoTracks().length ? "Camera is off" : "No camera found";
  note.hidden = mine.camera;
}

async function toggle(device) {
  const tracks = device === "camera" ? local.getVideoTracks() : local.getAudioTracks();
  mine[device] = tracks.length > 0 && !mine[device];
  for (const track of tracks) track.enabled = mine[device];
  drawMine();
  if (device === "camera") await call?.showCamera(mine.camera);
  send({ type: "state", [device]: mine[device] });
}

function draw() {
  tiles.draw([...people.values()], self);
  at("count").textContent = people.size;
  at("list").replaceChildren(...[...people.values()].map((person) => element(
    "li", { role: "listitem" },
    element("span", { class: "who" }, person.id === self ? `${person.name} (${texts.you})` : person.name),
    element("span", { class: "marks" }, ...(person.hand ? [icon("hand")] : []), ...(person.microphone ? [icon("microphone")] : [])),
  )));
}

function write(message) {
  const own = message.from === self; // one's own messages carry no sender
  const head = own ? [] : [skin.sender(message)];
  at("messages").append(element("div", skin.message(message, own), ...head, skin.words(message)));
  at("messages").scrollTop = at("messages").scrollHeight;
  at("unread").hidden = own || !at("chat").hidden;
}

function panel(name) {
  for (const one of ["chat", "people"]) {
    at(one).hidden = one !== name || !at(one).hidden;
    at(`${one}-open`).setAttribute("aria-expanded", String(!at(one).hidden));
  }
  if (!at("chat").hidden) { at("unread").hidden = true; at("message").focus(); }
  tiles.arrange();
}

function say() {
  const box = at("message");
  const text = box.value ?? box.innerText;
  if (text.trim()) send({ type: "chat", text });
  if (box.value === undefined) box.textContent = "";
  else box.value = "";
}

// A screen the browser shares is what a participant says of it: no picture of it is sent.
function share() {
  mine.sharing = !mine.sharing;
  send({ type: "state", sharing: mine.sharing });
}

function cover(name) {
  const button = at("modal-button");
  at("modal-text").textContent = texts[`modal_${name}`];
  button.textContent = texts[`modal_${name}_button`];
  if (platform === "zoom") button.id = name === "before" ? COOKIES_ID : ""; // cookies alone are asked about so
  at("modal").hidden = false;
}

// A tile of one's own effects stands in some lobbies, as it would in a call.
function phantom() {
  const tile = element("div", skin.tile({ id: "effects", name: "You" }, false));
  tile.classList.add("phantom");
  at("lobby").append(tile);
}

const TAKE = {
  prejoin: ({ lobby }) => {
    at("join").textContent = labels[lobby ? "ask_to_join" : "join_now"];
    if (variants.has("signed_in")) { at("name").value = "Account (AI)"; at("name").hidden = true; mayJoin(); }
    show(at("launcher") && !query.has("launched") ? "launcher" : "prejoin");
    if (variants.has("modal_before")) cover("before");
    if (variants.has("recording_before")) cover("recording");
    at("name").focus();
  },
  lobby: () => {
    show("lobby");
    if (variants.has("phantom")) phantom();
    for (const device of ["camera", "microphone"]) if (variants.has(`${device}_off`) && mine[device]) toggle(device);
  },
  call: (message) => {
    self = message.self.id;
    if (skin.mixed) mixer = new Mixer();
    else if (variants.has("shared")) mixer = new SharedTracks();
    else if (variants.has("one_track")) mixer = new SharedTracks(1);
    const onStream = (id, stream) => tiles.stream(id, mixer ? mixer.take(id, stream) : stream);
    const Connection = mixer?.Connection;
    call = new Call({ self, local, send, pictures: !at("no-video").checked, sounds: !at("no-sound").checked, onStream, Connection });
    call.showCamera(mine.camera);
    at("preview").srcObject = null;
    for (const person of [message.self, ...message.participants]) people.set(person.id, person);
    show("call");
    draw();
    tiles.stream(self, local);
    message.chat.forEach(write);
    for (const person of message.participants) call.reach(person.id);
    if (variants.has("modal_late")) setTimeout(cover, LATE_MS, "late");
    if (variants.has("recording_late")) setTimeout(cover, LATE_MS, "recording");
    stopWatching = watchVoice(local, (speaking) => send({ type: "state", speaking }));
  },
  joined: ({ participant }) => { people.set(participant.id, participant); draw(); },
  left: ({ id }) => { people.delete(id); call.forget(id); mixer?.drop(id); draw(); },
  state: ({ type, ...person }) => { people.set(person.id, person); draw(); },
  chat: write,
  signal: ({ from, body }) => call?.signal(from, body),
  notice: (message) => end(message),
};

function end({ heading, text, captcha, title = "", marks = {} }) {
  stopWatching();
  call?.close();
  mixer?.close();
  call = mixer = null;
  at("modal").hidden = true;
  if (title) document.title = title;
  for (const [part, attributes] of Object.entries(marks)) {
    const one = part === "notice" ? at("notice") : at(`notice-${part}`);
    if (attributes.id) one.dataset.part = `notice-${part}`;
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, name === "class" ? `${one.className} ${value}`.trim() : value);
  }
  for (const track of local.getTracks()) track.stop();
  at("notice-heading").textContent = heading;
  at("notice-text").textContent = text;
  at("challenge").hidden = !captcha;
  show("notice");
  if (variants.has("lobby_stays")) at("lobby").hidden = false;
  socket.close();
}

async function open(microphone) {
  ready = false;
  mayJoin();
  for (const track of local.getTracks()) track.stop();
  local = await openDevices(microphone);
  at("preview").srcObject = local;
  mine.camera = local.getVideoTracks().length > 0;
  mine.microphone = local.getAudioTracks().length > 0;
  ready = true;
  mayJoin();
  drawMine();
}

async function offerMicrophones() {
  const there = await listMicrophones();
  const open = local.getAudioTracks()[0]?.getSettings().deviceId;
  at("microphones").replaceChildren(...there.map(([value, name]) => element("option", { value }, name)));
  at("microphones").value = there.some(([value]) => value === open) ? open : there[0]?.[0];
  at("microphones").hidden = there.length < 2;
}

// Into the meeting itself; some are sent on to a lighter page on the way.
function launch() {
  if (variants.has("light")) goLighter();
  else show("prejoin");
}

function goLighter() {
  query.set("launched", "light");
  location.assign(`${location.pathname}?${query}`);
}

// The lighter page has the same words and none of the ids.
function lighten() {
  for (const one of document.querySelectorAll("[data-tid], [id]")) {
    if (one.closest("svg")) continue;
    if (one.id && !one.dataset.part) one.dataset.part = one.id;
    one.removeAttribute("data-tid");
    one.removeAttribute("id");
  }
}

function mayJoin() {
  at("join").disabled = !ready || !at("name").value.trim();
}

function knock() {
  if (at("join").disabled) return;
  at("join").disabled = true;
  if (variants.has("light_at_knock") && query.get("launched") !== "light") return goLighter();
  send({ type: "knock", name: at("name").value, camera: mine.camera, microphone: mine.microphone });
}

function wire() {
  at("name").addEventListener("input", mayJoin);
  at("name").addEventListener("keydown", (event) => { if (event.key === "Enter") knock(); });
  at("join").addEventListener("click", knock);
  at("microphones").addEventListener("change", () => open(at("microphones").value));
  for (const id of ["microphone", "door-microphone"]) at(id).addEventListener("click", () => toggle("microphone"));
  for (const id of ["camera", "door-camera"]) at(id).addEventListener("click", () => toggle("camera"));
  at("hand").addEventListener("click", () => { mine.hand = !mine.hand; drawMine(); send({ type: "state", hand: mine.hand }); });
  const leave = () => send({ type: "leave" });
  at("lobby-leave").addEventListener("click", leave);
  at("leave").addEventListener("click", () => { if (at("leave-confirm")) at("leave-options").hidden = false; else leave(); });
  at("leave-confirm")?.addEventListener("click", leave);
  at("share")?.addEventListener("click", share);
  at("launch")?.addEventListener("click", launch);
  at("modal-button").addEventListener("click", () => { at("modal").hidden = true; });
  document.addEventListener("pointermove", () => {
    at("toolbar")?.classList.add("awake");
    clearTimeout(resting);
    resting = setTimeout(() => at("toolbar")?.classList.remove("awake"), RESTING_MS);
  });
  for (const name of ["chat", "people"]) at(`${name}-open`).addEventListener("click", () => panel(name));
  for (const one of document.querySelectorAll(".close")) one.addEventListener("click", () => panel(""));
  at("send").addEventListener("click", say);
  at("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); say(); }
  });
  at("again").addEventListener("click", () => location.assign("/"));
  socket.addEventListener("message", ({ data }) => {
    if (data.startsWith("3:::")) return; // what the platform's own server would say, for whoever overhears it
    const message = JSON.parse(data);
    TAKE[message.type]?.(message);
  });
  socket.addEventListener("close", () => { if (at("notice").hidden) end(lost); });
  const tick = () => { at("clock").textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }); };
  setInterval(tick, 10_000);
  tick();
}

if (query.get("launched") === "light") lighten();
dress();
wire();
drawMine();
await open();
await offerMicrophones();
