// One look at the page: what it says, which controls are seen, who is there, what was written. Reads only; text comes
// back as text. Words of participants are never among the phrases. Who has joined reads nothing but notices while there
// is a call; before, everything is read, for a lobby may look like one. `calls`: what is seen where there is one.
({ controls, calls, roster, afterMessage, joined }, { normal, isAbout }) => {
  const PHRASES = 200;
  const LENGTH = 300;
  const MESSAGES = 50;
  const MESSAGE_LENGTH = 4000;
  const seen = (one) => one.checkVisibility?.({ checkVisibilityCSS: true }) ?? Boolean(one.offsetParent);
  const large = (one, { width = 0, height = 0 }) => one.offsetWidth >= width && one.offsetHeight >= height;
  const found = ({ css, says, about }, least) => [...document.querySelectorAll(css)].some(
    (one) => seen(one) && large(one, least) && (!says || normal(one.textContent).startsWith(says)) && isAbout(one, about));

  const shown = {};
  for (const [name, { find, least }] of Object.entries(controls)) {
    const at = find.findIndex((one) => found(one, least));
    if (at >= 0) shown[name] = at;
  }

  const [tiles, own] = [[...document.querySelectorAll(roster.tile)].filter(seen), roster.own];
  const inCall = joined && calls.some((call) => call.every((name) => name in shown));
  const phrases = [];
  const words = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && phrases.length < PHRASES) {
      const parent = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text && seen(parent) && !parent.closest(roster.peoples_words)) phrases.push(text.slice(0, LENGTH));
    }
  };
  if (!inCall) words(document.body);
  else if (roster.notices) for (const one of document.querySelectorAll(roster.notices)) if (seen(one)) words(one);

  const people = tiles.map((tile) => {
    const self = tile.matches(own) ? tile : tile.querySelector(own);
    const name = self?.getAttribute(roster.own_name) || tile.querySelector(roster.name)?.textContent || "";
    const is = (css) => Boolean(css) && (tile.matches(css) || Boolean(tile.querySelector(css)));
    return { id: tile.getAttribute(roster.participant), name: name.slice(0, LENGTH), is_self: Boolean(self), speaking: is(roster.speaking), sharing: is(roster.sharing) };
  });

  // A page drops old messages when many are there; where the one told last is gone, the latest are read.
  const written = roster.message ? [...document.querySelectorAll(roster.message)] : [];
  const told = afterMessage ? written.findLastIndex((one) => one.getAttribute(roster.message_id) === afterMessage) : -1;
  const first = afterMessage && told < 0 ? Math.max(0, written.length - MESSAGES) : told + 1;
  const messages = written.slice(first, first + MESSAGES).map((one) => ({
    id: one.getAttribute(roster.message_id),
    sender: roster.own_message && one.closest(roster.own_message) ? "" : (one.parentElement.querySelector(roster.sender)?.textContent ?? "").slice(0, LENGTH),
    text: one.textContent.slice(0, MESSAGE_LENGTH),
  }));
  return { phrases, title: document.title.slice(0, LENGTH), shown, people, messages };
}
