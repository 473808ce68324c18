// What both looking at a page and pressing on it need of it. A button is about what the window around it says first: the
// nearest part of the page that says more than its buttons do.
(() => {
  const UNREAD = "button, a, [role='button'], [aria-hidden='true'], style, script";
  const normal = (text) => text.replace(/[\u2018\u2019\u02bc\u00b4`]/g, "'").toLowerCase().split(/\s+/).filter(Boolean).join(" ");

  const firstText = (part) => {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = normal(walker.currentNode.textContent);
      if (text && !walker.currentNode.parentElement.closest(UNREAD)) return text;
    }
    return "";
  };

  const isAbout = (one, words) => {
    if (!words) return true;
    let [part, said] = [one, ""];
    while (!said && (part = part.parentElement)) said = firstText(part);
    return said.startsWith(words);
  };
  return { normal, isAbout };
})()
