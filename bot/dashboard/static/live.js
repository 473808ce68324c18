// The one stream of this page. EventSource comes back by itself after a break; after a refusal it does not, so we do.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const PATIENCE_MS = 4000; // a stream that ends in order is back within this; only then people are told

export function follow({ onTopic, onState, onRefused }) {
  let source = null, last = "", waitMs = FIRST_WAIT_MS, timer = 0, patience = 0, ended = false;

  function open() {
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
    if (ended) return;
    if (!patience) patience = setTimeout(() => onState("lost"), PATIENCE_MS);
    if (source.readyState !== EventSource.CLOSED) return;
    if (await onRefused()) return;
    clearTimeout(timer);
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }

  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    clearTimeout(patience);
    source.close();
  };
}
