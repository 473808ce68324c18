// The one stream of this page. EventSource comes back by itself after a break; after a refusal it does not, so we do.
// A browser has six connections for one server, of all its tabs together: a page nobody sees gives its own back, or the
// seventh tab's Stop would wait. Seen again, it goes on from where it was.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const HIDDEN_MS = 10000; // a look into another tab costs nothing
const PATIENCE_MS = 4000; // a stream that ends in order is back within this; only then people are told

export function follow({ onTopic, onState, onRefused }) {
  let source = null, last = "", waitMs = FIRST_WAIT_MS, timer = 0, patience = 0, resting = 0, ended = false;

  function open() {
    source?.close();
    source = new EventSource(`/api/v1/live${last ? `?after=${encodeURIComponent(last)}` : ""}`);
    source.onopen = () => {
      clearTimeout(patience);
      patience = 0;
      waitMs = FIRST_WAIT_MS;
      onState("open");
    };
    source.onerror = broken;
    for (const topic of ["hello", "resumed", "reset", "bot", "event", "segment"]) {
      source.addEventListener(topic, (message) => {
        last = message.lastEventId || last;
        onTopic(topic, JSON.parse(message.data));
      });
    }
  }

  async function broken() {
    if (ended || !source) return;
    if (!patience) patience = setTimeout(() => onState("lost"), PATIENCE_MS);
    if (source.readyState !== EventSource.CLOSED) return;
    const mine = source;
    if ((await onRefused()) || ended || source !== mine) return; // hidden and seen meanwhile: there is another
    clearTimeout(timer);
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }

  function rest() {
    clearTimeout(timer);
    clearTimeout(patience);
    patience = 0;
    source.close();
    source = null;
  }

  function seen() {
    clearTimeout(resting);
    if (document.hidden) resting = setTimeout(rest, HIDDEN_MS);
    else if (!source) open();
  }

  open();
  document.addEventListener("visibilitychange", seen);
  if (document.hidden) seen();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(resting);
    clearTimeout(timer);
    clearTimeout(patience);
    source?.close();
  };
}
