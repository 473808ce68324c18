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

  // What a mark is on, in `root` or it itself: by the first of its ways that finds something, which is told.
  const ways = {};
  const marked = (mark, root = null, fits = () => true) => {
    for (const [at, css] of (roster[mark]?.find ?? []).entries()) {
      const found = [...(root?.matches(css) ? [root] : []), ...(root ?? document).querySelectorAll(css)].filter(fits);
      if (found.length) ways[mark] ??= at;
      if (found.length) return found;
    }
    return [];
  };
  const every = (...marks) => marks.flatMap((mark) => roster[mark]?.find ?? []).join(", ");
  const tiles = marked("tile", null, seen);
  const theirs = every("peoples_words", "tile", "message", "sender");
  const inCall = joined && calls.some((call) => call.every((name) => name in shown));
  const phrases = [];
  const words = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && phrases.length < PHRASES) {
      const parent = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text && seen(parent) && !parent.closest(theirs)) phrases.push(text.slice(0, LENGTH));
    }
  };
  if (!inCall && document.body) words(document.body); // a document that has just begun has none
  else if (roster.notices) for (const one of document.querySelectorAll(every("notices"))) if (seen(one)) words(one);

  // Its middle in the window, -1..1.
  const spotOf = (tile) => {
    const { x, y, width, height } = tile.getBoundingClientRect();
    const along = (from, size, all) => (2 * from + size) / all - 1;
    return width && height ? [along(x, width, innerWidth), along(y, height, innerHeight)] : null;
  };
  const people = tiles.map((tile) => {
    const [self] = marked("own", tile);
    const name = self?.getAttribute(roster.own.attribute) || marked("name", tile)[0]?.textContent || "";
    const is = (mark) => marked(mark, tile).length > 0;
    return {
      id: tile.getAttribute(roster.tile.attribute),
      name: name.slice(0, LENGTH),
      is_self: Boolean(self),
      speaking: is("speaking"),
      sharing: is("sharing"),
      spot: spotOf(tile),
    };
  });

  // What stands before the last one known is old. A page drops old messages when many are there; where that one is
  // gone, or none is known, the latest are read.
  const written = marked("message");
  const numbered = (one) => one.getAttribute(roster.message.attribute);
  const told = afterMessage ? written.findLastIndex((one) => numbered(one) === afterMessage) : -1;
  const first = told < 0 ? Math.max(0, written.length - MESSAGES) : told + 1;
  const messages = written.slice(first, first + MESSAGES).map((one) => ({
    id: numbered(one),
    sender: roster.own_message && one.closest(every("own_message")) ? "" : (marked("sender", one.parentElement)[0]?.textContent ?? "").slice(0, LENGTH),
    text: one.textContent.slice(0, MESSAGE_LENGTH),
  }));
  return { loaded: performance.timeOrigin, phrases, title: document.title.slice(0, LENGTH), shown, people, messages, ways };
}
