// One look at the page: what it says, who is there, what was written. Reads only; text comes back as text.
({ selectors, attributes, firstMessage }) => {
  const seen = (one) => one.checkVisibility?.({ checkVisibilityCSS: true }) ?? Boolean(one.offsetParent);
  const anySeen = (selector) => [...document.querySelectorAll(selector)].some(seen);
  const PHRASES = 200;
  const LENGTH = 300;
  const MESSAGES = 50;
  const MESSAGE_LENGTH = 4000;

  const phrases = [];
  const calls = document.querySelectorAll(selectors.tile).length > 0 && anySeen(selectors.leave);
  if (!calls) {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && phrases.length < PHRASES) {
      const parent = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text && seen(parent) && !parent.closest(selectors.peoples_words)) phrases.push(text.slice(0, LENGTH));
    }
  }

  const people = [...document.querySelectorAll(selectors.tile)].filter(seen).map((tile) => {
    const own = tile.querySelector(selectors.tile_self);
    const name = own?.getAttribute(attributes.selfName) || tile.querySelector(selectors.tile_name)?.textContent || "";
    return { id: tile.getAttribute(attributes.participant), name: name.slice(0, LENGTH), is_self: Boolean(own), speaking: tile.matches(selectors.tile_speaking) };
  });

  const messages = [...document.querySelectorAll(selectors.message)].slice(firstMessage, firstMessage + MESSAGES).map((one) => ({
    id: one.getAttribute(attributes.message),
    sender: (one.parentElement.querySelector(selectors.message_sender)?.textContent ?? "").slice(0, LENGTH),
    text: one.textContent.slice(0, MESSAGE_LENGTH),
  }));

  const captcha = [...document.querySelectorAll(selectors.captcha)].some((one) => seen(one) && one.offsetWidth >= 120 && one.offsetHeight >= 40);
  const door = anySeen(selectors.name);
  return { phrases, door, leave: anySeen(selectors.leave), captcha, people, messages };
}
