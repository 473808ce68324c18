"""Asked of the page itself: contrast of every text, a name for every control, and what its policy lets through."""

CONTRAST_JS = """() => {
  const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b]
    .map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const weak = [];
  for (const node of document.querySelectorAll("#app *")) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(":disabled")) continue;
    const [text, back] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) weak.push([node.className || node.tagName, ratio.toFixed(2), node.textContent.slice(0, 30)]);
  }
  return document.querySelector("#app p, #app h2") ? weak : ["there is no text"];
}"""

UNNAMED_JS = """() => [...document.querySelectorAll("button, a, input, select, [tabindex='0'], img")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.getAttribute("aria-labelledby") || one.labels?.length || one.textContent.trim()
    || one.hasAttribute("alt") || one.querySelector("img[alt]:not([alt=''])")))
  .map((one) => one.outerHTML.slice(0, 80))"""

RUNS_FOREIGN_JS = """async () => {
  const ran = [];
  const attempts = {
    markup: () => { document.createElement("p").innerHTML = "<b>x</b>"; },
    // later, for what a debugger runs itself may do so
    eval: () => new Promise((ran, kept) => setTimeout(() => { try { ran((0, eval)("1")); } catch { kept(); } })),
    style: () => {
      const made = document.createElement("p");
      made.setAttribute("style", "color: red");
      if (made.style.color !== "red") throw new Error("kept out");
    },
    handler: () => {
      const made = document.createElement("button");
      made.setAttribute("onclick", "window.ran = true");
      document.body.append(made);
      made.click();
      made.remove();
      if (!window.ran) throw new Error("kept out");
    },
    elsewhere: () => fetch("http://127.0.0.1:9/"),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      ran.push(name);
    } catch {}
  }
  return ran;
}"""
