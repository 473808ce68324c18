// What the page of a VideoRoom keeps to itself, put where it can be read: whose panel is whose, by the server's ids, and
// who speaks, by the server's word. And what the page does not say for us when it joins: the whole name, and a PIN.
(() => {
  if (window.top !== window) return;
  const EVERY_MS = 100;
  const MOST_SPEAKERS = 100;
  const followed = new WeakSet();
  const speaking = new Set();
  let said = {};
  window.understudyJoinAs = (given) => { said = given; };

  // The page's handle to the room: what it is told passes here first, what it asks last.
  function follow(room) {
    followed.add(room);
    speaking.clear();
    const { onmessage, send } = room;
    room.onmessage = (message, ...more) => {
      if (message.videoroom === "talking" && speaking.size < MOST_SPEAKERS) speaking.add(message.id);
      if (message.videoroom === "stopped-talking") speaking.delete(message.id);
      if (message.leaving === "ok" && message.reason === "kicked") set(document.documentElement, "data-told", "kicked");
      return onmessage(message, ...more);
    };
    room.send = (asked) => {
      if (asked.message?.request === "join") Object.assign(asked.message, said);
      return send(asked);
    };
  }

  function set(panel, name, value) {
    if (!panel || panel.getAttribute(name) === value) return;
    if (value === null) panel.removeAttribute(name);
    else panel.setAttribute(name, value);
  }

  function mark(inside, participant, own) {
    const panel = document.querySelector(inside)?.closest(".panel");
    set(panel, "data-participant", participant ? String(participant) : null);
    set(panel, "data-self", participant && own ? own : null);
    set(panel, "data-speaking", participant && speaking.has(participant) ? "" : null);
  }

  setInterval(() => {
    const { sfutest: room, feeds, myid, myusername } = window;
    if (room && !followed.has(room)) follow(room);
    mark("#videolocal", myid, said.display ?? myusername);
    for (let at = 1; at < 6; at += 1) mark(`#videoremote${at}`, feeds?.[at]?.rfid, null);
  }, EVERY_MS);
})();
