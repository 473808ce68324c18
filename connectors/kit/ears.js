// Each remote participant's sound, out of the page: a worker reads every remote audio track and sends it to our process.
(settings) => {
  if (window.top !== window || !window.RTCPeerConnection || !window.MediaStreamTrackProcessor) return;

  const worker = () => {
    const PIECE_S = 0.02;
    let socket = null;
    let owners = {};
    const ended = []; // not yet told
    const open = () => socket?.readyState === 1;

    async function read(stream, readable) {
      const reader = readable.getReader();
      let piece = null;
      let filled = 0;
      let stamp = 0;
      let rate = 0;
      for (;;) {
        const { value: audio, done } = await reader.read().catch(() => ({ done: true }));
        if (done) return end(stream);
        const samples = new Float32Array(audio.numberOfFrames);
        audio.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        if (rate !== audio.sampleRate) {
          rate = audio.sampleRate;
          piece = new Int16Array(Math.round(rate * PIECE_S));
          filled = 0;
        }
        for (let from = 0; from < samples.length; from += 1) {
          if (filled === 0) stamp = audio.timestamp / 1e6 + from / rate;
          piece[filled] = Math.max(-1, Math.min(1, samples[from])) * 32767;
          filled += 1;
          if (filled === piece.length) { send(stream, rate, stamp, piece); filled = 0; }
        }
        audio.close();
      }
    }

    function send(stream, rate, stamp, piece) {
      if (!open() || socket.bufferedAmount > 1e6) return;
      const message = new ArrayBuffer(16 + piece.byteLength);
      const head = new DataView(message);
      head.setUint32(0, stream, true);
      head.setUint32(4, rate, true);
      head.setFloat64(8, stamp, true);
      new Int16Array(message, 16).set(piece);
      socket.send(message);
    }

    function tell() {
      if (open()) socket.send(JSON.stringify({ owners, ended: ended.splice(0) }));
    }

    // The track is over, by whichever end: its number is free for nobody, its place for another.
    function end(stream) {
      ended.push(stream);
      self.postMessage({ ended: stream });
      tell();
    }

    self.onmessage = ({ data }) => {
      if (data.url) {
        socket = new WebSocket(data.url);
        socket.onopen = tell;
      }
      if (data.owners) { owners = data.owners; tell(); }
      if (data.readable) read(data.stream, data.readable);
    };
  };

  let reader = null;
  const streams = new Map(); // track id -> stream number, of the tracks that are not over
  let numbered = 0; // a number is never used twice
  let told = "";

  function start() {
    if (reader) return;
    reader = new Worker(URL.createObjectURL(new Blob([`(${worker})()`], { type: "text/javascript" })));
    reader.onmessage = ({ data }) => {
      for (const [track, stream] of streams) if (stream === data.ended) streams.delete(track);
    };
    reader.postMessage({ url: settings.url });
    setInterval(claim, 100);
  }

  function claim() {
    const owners = {};
    for (const tile of document.querySelectorAll(settings.tiles)) {
      for (const media of tile.querySelectorAll("audio, video")) {
        for (const track of media.srcObject?.getAudioTracks?.() ?? []) {
          if (streams.has(track.id)) owners[streams.get(track.id)] = tile.getAttribute(settings.attribute);
        }
      }
    }
    const now = JSON.stringify(owners);
    if (now !== told) { told = now; reader.postMessage({ owners }); }
  }

  function take(track) {
    if (track.kind !== "audio" || streams.has(track.id)) return;
    start();
    const stream = numbered;
    numbered += 1;
    streams.set(track.id, stream);
    const { readable } = new MediaStreamTrackProcessor({ track: track.clone() });
    reader.postMessage({ stream, readable }, [readable]);
  }

  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, given, self) {
      const link = Reflect.construct(target, given, self);
      link.addEventListener("track", ({ track }) => take(track));
      return link;
    },
  });
}
