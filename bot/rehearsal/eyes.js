// Watches one remote picture: hands over a small luma crop of each frame with the time it came. Runs in a meeting page.
// `watch` starts it on the video of a name's tile, or of the first tile that is not one's own; batches go to `understudyEyes`.
(() => {
  const BATCH_MS = 400;
  const even = (value) => Math.max(2, 2 * Math.round(value / 2));

  // The crop's place in a frame of this size; whole chroma samples, inside the visible picture.
  function place(box, { visibleRect }) {
    const { width, height } = visibleRect;
    const x = Math.min(even(box[0] * width), width - 4) & ~1;
    const y = Math.min(even(box[1] * height), height - 4) & ~1;
    return {
      x: visibleRect.x + x, y: visibleRect.y + y,
      width: Math.min(even(box[2] * width), (width - x) & ~1), height: Math.min(even(box[3] * height), (height - y) & ~1),
    };
  }

  function text(bytes) {
    let out = "";
    for (let at = 0; at < bytes.length; at += 8192) out += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(out);
  }

  async function look(frame, box) {
    const rect = place(box, frame);
    const planar = /^(I4|NV12)/.test(frame.format ?? "");
    const how = planar ? { rect } : { rect, format: "RGBX" };
    const bytes = new Uint8Array(frame.allocationSize(how));
    const [plane] = await frame.copyTo(bytes, how);
    const luma = new Uint8Array(rect.width * rect.height);
    const step = planar ? 1 : 4;
    for (let row = 0; row < rect.height; row += 1) {
      const from = plane.offset + row * plane.stride;
      for (let column = 0; column < rect.width; column += 1) luma[row * rect.width + column] = bytes[from + column * step + (planar ? 0 : 1)];
    }
    return [rect.width, rect.height, text(luma)];
  }

  async function watch(box, name) {
    const tiles = [...document.querySelectorAll(".tile:not(.own)")];
    const video = tiles.find((tile) => !name || tile.getAttribute("aria-label") === name)?.querySelector("video");
    const track = video?.srcObject?.getVideoTracks()[0];
    if (!track) return false;
    const reader = new MediaStreamTrackProcessor({ track: track.clone(), maxBufferSize: 4 }).readable.getReader();
    const batch = [];
    setInterval(() => { if (batch.length) window.understudyEyes(batch.splice(0)); }, BATCH_MS);
    (async () => {
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done) return;
        const at = performance.now();
        try {
          batch.push([at, frame.displayWidth, frame.displayHeight, ...(await look(frame, box))]);
        } finally {
          frame.close();
        }
      }
    })();
    return true;
  }

  window.understudyWatch = watch;
})();
