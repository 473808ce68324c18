// One look at the page: what it says, which controls are seen, who is there, what was written. Reads only; text comes
// back as text. Words of participants are never among the phrases. Who has joined reads nothing but notices while there
// is a call; before, everything is read, for a lobby may look like one.
({ controls, roster, firstMessage, joined }) => {
  const PHRASES = 200;
  const LENGTH = 300;
  const MESSAGES = 50;
  const MESSAGE_LENGTH = 4000;
  const seen = (one) => one.checkVisibility?.({ checkVisibilityCSS: true }) ?? Boolean(one.offsetParent);
  const normal = (text) => text.replace(/[\u2018\u2019\u02bc\u00b4`]/g, "'").toLowerCase().split(/\s+/).filter(Boolean).join(" ");
  const large = (one, { width = 0, height = 0 }) => one.offsetWidth >= width && one.offsetHeight >= height;
  const found = ({ css, says }, least) => [...document.querySelectorAll(css)].some(
    (one) => seen(one) && large(one, least) && (!says || normal(one.textContent).startsWith(says)));

  const shown = {};
  for (const [name, { find, least }] of Object.entries(controls)) {
    const at = find.findIndex((one) => found(one, least));
    if (at >= 0) shown[name] = at;
  }

  const [tiles, own] = [[...document.querySelectorAll(roster.tile)].filter(seen), roster.own];
  const calls = joined && tiles.length > 0 && "leave" in shown;
  const phrases = [];
  const words = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && phrases.length < PHRASES) {
      const parent = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text && seen(parent) && !parent.closest(roster.peoples_words)) phrases.push(text.slice(0, LENGTH));
    }
  };
  if (!calls) words(document.body);
  else if (roster.notices) for (const one of document.querySelectorAll(roster.notices)) if (seen(one)) words(one);

  const people = tiles.map((tile) => {
    const self = tile.matches(own) ? tile : tile.querySelector(own);
    const name = self?.getAttribute(roster.own_name) || tile.querySelector(roster.name)?.textContent || "";
    const is = (css) => Boolean(css) && (tile.matches(css) || Boolean(tile.querySelector(css)));
    return { id: tile.getAttribute(roster.participant), name: name.slice(0, LENGTH), is_self: Boolean(self), speaking: is(roster.speaking), sharing: is(roster.sharing) };
  });

  const written = roster.message ? [...document.querySelectorAll(roster.message)] : [];
  const messages = written.slice(firstMessage, firstMessage + MESSAGES).map((one) => ({
    id: one.getAttribute(roster.message_id),
    sender: roster.own_message && one.closest(roster.own_message) ? "" : (one.parentElement.querySelector(roster.sender)?.textContent ?? "").slice(0, LENGTH),
    text: one.textContent.slice(0, MESSAGE_LENGTH),
  }));
  return { phrases, title: document.title.slice(0, LENGTH), shown, people, messages };
}
