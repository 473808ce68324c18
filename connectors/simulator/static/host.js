// The host's page: who knocks and who is in, with a button for each thing a host does.
import { element } from "./dom.js";

const code = location.pathname.split("/").pop();
const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/host/${code}${location.search}`);
const state = document.getElementById("state");
const link = document.getElementById("link");
link.textContent = link.href = `${location.origin}/${code}`;
link.target = "_blank";

const act = (verb, who = "") => socket.send(JSON.stringify({ verb, who }));

function row(person, verbs) {
  const buttons = verbs.map(([verb, label, kind]) => {
    const button = element("button", { class: `pill small ${kind}`, type: "button", "aria-label": `${label} ${person.name}` }, label);
    button.addEventListener("click", () => act(verb, person.id));
    return button;
  });
  return element("li", {}, element("span", { class: "who" }, person.name), element("span", { class: "verbs" }, ...buttons));
}

function show(list, people, verbs) {
  list.replaceChildren(...people.map((person) => row(person, verbs)));
  list.nextElementSibling.hidden = people.length > 0;
}

socket.addEventListener("message", ({ data }) => {
  const room = JSON.parse(data);
  show(document.getElementById("knocks"), room.knocks, [["admit", "Admit", "primary"], ["deny", "Deny entry", ""]]);
  show(document.getElementById("people"), room.people, [["remove", "Remove from the call", ""]]);
  document.getElementById("end").disabled = room.over;
  state.textContent = room.over ? "The meeting is over." : "";
});
socket.addEventListener("close", () => { state.textContent = "The meeting server does not answer."; });
document.getElementById("end").addEventListener("click", () => act("end"));
