// The meeting page: door, lobby, call and the screens that end it. What happens is decided by the server.
import { Call } from "./call.js";
import { element, icon } from "./dom.js";
import { listMicrophones, openDevices, watchVoice } from "./media.js";
import { Tiles } from "./tiles.js";

const SCREENS = ["prejoin", "lobby", "call", "notice"];
const { labels, texts } = await (await fetch("/labels.json")).json();
const at = (id) => document.getElementById(id);
const code = decodeURIComponent(location.pathname.slice(1));
const mine = { camera: true, microphone: true, hand: false, speaking: false };
const people = new Map();
const tiles = new Tiles(at("grid"), texts.you);
let self = null;
let call = null;
let local = new MediaStream();
let ready = false; // the devices have answered
let stopWatching = () => {};

const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/${encodeURIComponent(code)}`);
const send = (message) => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };

function show(screen) {
  for (const name of SCREENS) at(name).hidden = name !== screen;
}

function label(control, name) {
  control.setAttribute("aria-label", name);
  control.title = name;
}

function dress() {
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = texts[one.dataset.text];
  for (const one of document.querySelectorAll("[data-label]")) label(one, labels[one.dataset.label]);
  for (const one of document.querySelectorAll("[data-placeholder]")) one.placeholder = labels[one.dataset.placeholder];
  at("code").textContent = code;
  document.title = `${code} – Meeting`;
}

function drawMine() {
  for (const [device, controls] of [["microphone", ["microphone", "door-microphone"]], ["camera", ["camera", "door-camera"]]]) {
    for (const id of controls) {
      at(id).classList.toggle("off", !mine[device]);
      label(at(id), labels[`${device}_${mine[device] ? "off" : "on"}`]);
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
  const head = own ? [] : [element("span", { class: "sender" }, message.name)];
  at("messages").append(element(
    "div", { class: own ? "said own" : "said", ...(own ? {} : { "data-sender-id": message.from }) },
    ...head, element("div", { "data-message-id": message.id, dir: "auto" }, message.text),
  ));
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
  if (at("message").value.trim()) send({ type: "chat", text: at("message").value });
  at("message").value = "";
}

const TAKE = {
  prejoin: ({ lobby }) => {
    at("join").textContent = labels[lobby ? "ask_to_join" : "join_now"];
    show("prejoin");
    at("name").focus();
  },
  lobby: () => show("lobby"),
  call: (message) => {
    self = message.self.id;
    call = new Call({ self, local, send, pictures: !at("no-video").checked, sounds: !at("no-sound").checked, onStream: (id, stream) => tiles.stream(id, stream) });
    call.showCamera(mine.camera);
    at("preview").srcObject = null;
    for (const person of [message.self, ...message.participants]) people.set(person.id, person);
    show("call");
    draw();
    tiles.stream(self, local);
    message.chat.forEach(write);
    for (const person of message.participants) call.reach(person.id);
    stopWatching = watchVoice(local, (speaking) => send({ type: "state", speaking }));
  },
  joined: ({ participant }) => { people.set(participant.id, participant); draw(); },
  left: ({ id }) => { people.delete(id); call.forget(id); draw(); },
  state: ({ type, ...person }) => { people.set(person.id, person); draw(); },
  chat: write,
  signal: ({ from, body }) => call?.signal(from, body),
  notice: (message) => end(message),
};

function end({ heading, text, captcha }) {
  stopWatching();
  call?.close();
  call = null;
  for (const track of local.getTracks()) track.stop();
  at("notice-heading").textContent = heading;
  at("notice-text").textContent = text;
  at("challenge").hidden = !captcha;
  show("notice");
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

function mayJoin() {
  at("join").disabled = !ready || !at("name").value.trim();
}

function knock() {
  if (at("join").disabled) return;
  at("join").disabled = true;
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
  for (const id of ["leave", "lobby-leave"]) at(id).addEventListener("click", () => send({ type: "leave" }));
  for (const name of ["chat", "people"]) at(`${name}-open`).addEventListener("click", () => panel(name));
  for (const one of document.querySelectorAll(".close")) one.addEventListener("click", () => panel(""));
  at("send").addEventListener("click", say);
  at("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); say(); }
  });
  at("again").addEventListener("click", () => location.assign("/"));
  socket.addEventListener("message", ({ data }) => { const message = JSON.parse(data); TAKE[message.type]?.(message); });
  socket.addEventListener("close", () => { if (at("notice").hidden) end({ heading: "You lost your connection", text: "Reload to join again." }); });
  const tick = () => { at("clock").textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }); };
  setInterval(tick, 10_000);
  tick();
}

dress();
wire();
drawMine();
await open();
await offerMicrophones();
