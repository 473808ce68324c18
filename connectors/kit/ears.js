// Each remote participant's sound, out of the page: a worker takes the packets of every remote audio track as they come
// from the network, decodes them and sends the samples to our process. The page gets its packets all the same. What
// comes in no packet we can decode is read as the page hears it.
(settings) => {
  if (window.top !== window || !window.RTCPeerConnection || !window.MediaStreamTrackProcessor) return;

  const worker = ({ filled_s: FILLED_S }) => {
    const RATE_HZ = 48000; // of every Opus clock, RFC 7587
    const LATE_MS = 60; // a packet that is missing is waited for so long
    const LATE_PACKETS = 4; // or for so many after it
    const RESTART_PACKETS = 500; // further ahead is another numbering
    const RECONNECT_MS = 500;
    const LONGEST = 0.12 * RATE_HZ; // samples of one packet
    const UNDECODED = 500; // packets: a decoder that holds so many gives nothing more
    let socket = null;
    let owners = {};
    const ended = []; // not yet told
    const open = () => socket?.readyState === 1;

    // `age` is how long ago the sound came from the network, in seconds.
    function send(stream, rate, stamp, age, samples) {
      if (!open() || socket.bufferedAmount > 1e6) return;
      const message = new ArrayBuffer(24 + 2 * samples.length);
      const head = new DataView(message);
      head.setUint32(0, stream, true);
      head.setUint32(4, rate, true);
      head.setFloat64(8, stamp, true);
      head.setFloat64(16, age, true);
      const pcm = new Int16Array(message, 24);
      for (let at = 0; at < pcm.length; at += 1) pcm[at] = Math.max(-1, Math.min(1, samples[at])) * 32767;
      socket.send(message);
    }

    function plane(audio) {
      const samples = new Float32Array(audio.numberOfFrames);
      audio.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      audio.close();
      return samples;
    }

    // Packets in the order they were sent. One that comes after its turn is over is left out.
    function inOrder(release) {
      const held = new Map(); // number -> packet
      let next = null;
      let counting = null;
      let timer; // runs while something is held
      const ahead = (number) => (number - next) & 0xffff;
      function follow() {
        while (held.has(next)) {
          const packet = held.get(next);
          held.delete(next);
          next = (next + 1) & 0xffff;
          if (packet) release(packet);
        }
        if (held.size) timer ||= setTimeout(skip, LATE_MS);
        else timer = clearTimeout(timer);
      }
      function skip() {
        timer = clearTimeout(timer);
        next = [...held.keys()].reduce((one, other) => (ahead(other) < ahead(one) ? other : one));
        follow();
      }
      // `source`: who counts; another one counts anew. No packet: a number that was used for something else.
      return (source, number, packet) => {
        if (number === undefined) return packet && release(packet);
        const away = Math.min(ahead(number), 0x10000 - ahead(number));
        if (source !== counting || away > RESTART_PACKETS) {
          held.clear();
          [counting, next] = [source, number];
        }
        if (ahead(number) >= 0x8000) return;
        held.set(number, packet);
        if (ahead(number) && held.size > LATE_PACKETS) skip();
        else follow();
      };
    }

    // The sender's clock without its 32-bit wrap, in samples; `count` may go back a little. Another source counts anew.
    function unwrapped() {
      let [counting, last] = [null, 0];
      return (source, count) => {
        last = source === counting ? last + ((count - last) | 0) : count;
        counting = source;
        return last;
      };
    }

    // What redundancy wraps (RFC 2198): the block of four-byte headers' lengths comes before the newest one.
    function newest(data) {
      const bytes = new Uint8Array(data);
      let at = 0;
      let before = 0;
      for (; at + 3 < bytes.length && bytes[at] & 0x80; at += 4) before += ((bytes[at + 2] & 3) << 8) | bytes[at + 3];
      return bytes.subarray(at + 1 + before);
    }

    // How many samples a packet holds, by its first bytes (RFC 6716, 3.1); 0 where they make no sense.
    function lengthOf(data) {
      const [first, second = 0] = new Uint8Array(data);
      const kind = first >> 3;
      const frame = kind < 12 ? [480, 960, 1920, 2880][kind & 3] : kind < 16 ? [480, 960][kind & 1] : 120 << (kind & 3);
      const length = frame * [1, 2, 2, second & 63][first & 3];
      return length <= LONGEST ? length : 0;
    }

    // Packets to samples: `give(packet, at, samples)`, which begin `at` samples into that packet. A decoder may put out
    // more or fewer pieces than it took, and Chromium's counts on from its first stamp whatever the others say; so a
    // packet is stamped by the sound before it, and what comes out is cut where one packet ends.
    function decoding(give) {
      const fed = []; // packets that have not come out whole, in order
      let decoder = null;
      let position = 0; // samples fed
      function output(audio) {
        let at = Math.round((audio.timestamp / 1e6) * RATE_HZ);
        let samples = plane(audio);
        while (fed.length && samples.length) {
          const packet = fed[0];
          const until = packet.position + packet.length;
          if (at < packet.position) samples = samples.subarray(packet.position - at);
          at = Math.max(at, packet.position);
          const own = samples.subarray(0, Math.max(0, until - at));
          if (own.length) give(packet, at - packet.position, own);
          samples = samples.subarray(own.length);
          at += own.length;
          if (at >= until) fed.shift();
        }
      }
      function error() { // the packet it fell over is lost, those after it are not
        fed.shift();
        decoder = null;
        fed.forEach(feed);
      }
      function feed(packet) {
        if (decoder?.state !== "configured") {
          decoder = new AudioDecoder({ output, error });
          decoder.configure({ codec: "opus", sampleRate: RATE_HZ, numberOfChannels: 1 });
        }
        const timestamp = (packet.position / RATE_HZ) * 1e6;
        decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data: packet.data }));
      }
      function close() {
        if (decoder?.state === "configured") decoder.close();
        [decoder, fed.length] = [null, 0];
      }
      function decode(packet) {
        const length = lengthOf(packet.data);
        if (!length) return;
        if (fed.length > UNDECODED) close();
        const one = { ...packet, position, length };
        position += length;
        fed.push(one);
        feed(one);
      }
      return { decode, close };
    }

    async function listen(stream, { readable, writable }) {
      const [reader, writer] = [readable.getReader(), writable.getWriter()];
      const count = unwrapped();
      let expected = null; // the sender's count after what was sent
      const { decode, close } = decoding(({ stamp, came }, at, samples) => {
        const age = Math.max(0, performance.now() - came) / 1e3;
        const begins = stamp + at;
        const missing = expected === null ? 0 : begins - expected;
        expected = begins + samples.length;
        let whole = samples;
        if (missing > 0 && missing < FILLED_S * RATE_HZ) { // what was lost, or a sender that says nothing in silence
          whole = new Float32Array(missing + samples.length);
          whole.set(samples, missing);
        }
        send(stream, RATE_HZ, (expected - whole.length) / RATE_HZ, age, whole);
      });
      const put = inOrder(decode);
      let known = ""; // the kind of the packet before
      function look(packet) {
        const { mimeType, rtpTimestamp, sequenceNumber, receiveTime, synchronizationSource } = packet.getMetadata();
        const kind = (mimeType ?? "audio/opus").toLowerCase();
        const ours = kind === "audio/opus" || kind === "audio/red";
        if (kind !== known && kind !== "audio/telephone-event") {
          known = kind;
          self.postMessage(ours ? { comes: stream } : { foreign: stream });
        }
        const data = kind === "audio/red" ? newest(packet.data) : packet.data;
        const came = receiveTime ?? performance.now();
        const heard = ours && data.byteLength // the page takes the packet itself: a copy
          ? { stamp: count(synchronizationSource, rtpTimestamp), came, data: data.slice(0) }
          : null;
        put(synchronizationSource, sequenceNumber, heard);
      }
      for (let fit = true; ; ) {
        const { value: packet, done } = await reader.read().catch(() => ({ done: true }));
        if (done) break;
        try {
          if (fit) look(packet);
        } catch { // whatever it is, the page gets its packets, and what it plays is read instead
          fit = false;
          self.postMessage({ foreign: stream });
        }
        writer.write(packet).catch(() => {});
      }
      close();
      self.postMessage({ foreign: stream }); // the page has put another in our place, or the track is over
    }

    async function read(stream, readable) {
      const PIECE_S = 0.02;
      const reader = readable.getReader();
      let piece = null;
      let filled = 0;
      let stamp = 0;
      let rate = 0;
      for (;;) {
        const { value: audio, done } = await reader.read().catch(() => ({ done: true }));
        if (done) return self.postMessage({ over: stream });
        const began = audio.timestamp / 1e6;
        if (rate !== audio.sampleRate) {
          rate = audio.sampleRate;
          piece = new Float32Array(Math.round(rate * PIECE_S));
          filled = 0;
        }
        const samples = plane(audio);
        for (let from = 0; from < samples.length; from += 1) {
          if (filled === 0) stamp = began + from / rate;
          piece[filled] = samples[from];
          filled += 1;
          if (filled === piece.length) { send(stream, rate, stamp, 0, piece); filled = 0; }
        }
      }
    }

    function connect(url) {
      socket = new WebSocket(url);
      socket.onopen = tell;
      socket.onclose = () => setTimeout(connect, RECONNECT_MS, url);
    }

    function tell() {
      if (open()) socket.send(JSON.stringify({ owners, ended: ended.splice(0) }));
    }

    self.onrtctransform = ({ transformer }) => listen(transformer.options.stream, transformer);
    self.onmessage = ({ data }) => {
      if (data.url) connect(data.url);
      if (data.owners) owners = data.owners;
      if (data.ended) ended.push(...data.ended);
      if (data.owners || data.ended) tell();
      if (data.readable) read(data.stream, data.readable);
    };
  };

  const WAITED = 20; // looks: sound is heard, but no packet came to us
  let reader = null;
  const tracks = new Map(); // track id -> { track, receiver, stream }, of those that are not over
  const prepared = new WeakMap(); // receiver -> stream
  const coming = new Set(); // streams whose packets come to us
  let numbered = 0; // a number is never used twice
  let told = "";

  function start() {
    if (reader) return;
    reader = new Worker(URL.createObjectURL(new Blob([`(${worker})(${JSON.stringify(settings)})`], { type: "text/javascript" })));
    reader.onmessage = ({ data }) => {
      if ("comes" in data) coming.add(data.comes);
      for (const one of [...tracks.values()]) {
        if (one.stream === data.foreign) asHeard(one);
        if (one.stream === data.over) over(one);
      }
    };
    reader.postMessage({ url: settings.url });
    setInterval(look, 100);
  }

  function look() {
    for (const one of [...tracks.values()]) {
      if (one.track.readyState === "ended") over(one);
      else if (!one.asHeard && !coming.has(one.stream) && one.receiver.getSynchronizationSources().length) {
        one.waited += 1;
        if (one.waited > WAITED) asHeard(one);
      }
    }
    const owners = {};
    for (const tile of document.querySelectorAll(settings.tiles)) {
      for (const media of tile.querySelectorAll("audio, video")) {
        for (const track of media.srcObject?.getAudioTracks?.() ?? []) {
          const one = tracks.get(track.id);
          if (one) owners[one.stream] = tile.getAttribute(settings.attribute);
        }
      }
    }
    for (const one of tracks.values()) if (!(one.stream in owners) && contributor(one)) owners[one.stream] = contributor(one);
    const now = JSON.stringify(owners);
    if (now !== told) { told = now; reader.postMessage({ owners }); }
  }

  // Whose a track is that no tile plays: of its loudest contributing source, where the page's side knows which is whose.
  // In a pause it stays theirs who spoke last.
  function contributor(one) {
    const known = window.understudySources ?? {};
    const sources = one.receiver.getContributingSources?.() ?? [];
    const loudest = sources.reduce((best, other) => ((other.audioLevel ?? 0) > (best?.audioLevel ?? -1) ? other : best), null);
    one.speaker = known[loudest?.source] ?? one.speaker;
    return one.speaker;
  }

  // The track is over, by whichever end: its number is free for nobody, its place for another.
  function over({ track, stream }) {
    tracks.delete(track.id);
    coming.delete(stream);
    reader.postMessage({ ended: [stream] });
  }

  // Chromium hands out the packets of a receiver only to who asks before it has begun to receive.
  function prepare(receiver) {
    if (receiver.track.kind !== "audio" || receiver.transform || prepared.has(receiver)) return;
    start();
    try {
      receiver.transform = new RTCRtpScriptTransform(reader, { stream: numbered });
      prepared.set(receiver, numbered);
      numbered += 1;
    } catch {
      // What it plays is heard all the same.
    }
  }

  function take(track, receiver) {
    if (track.kind !== "audio" || tracks.has(track.id)) return;
    start();
    const one = { track, receiver, stream: prepared.get(receiver), waited: 0, asHeard: false };
    tracks.set(track.id, one);
    if (one.stream === undefined) asHeard(one);
  }

  // As the page plays it, stretched where its buffers are: what the page unwraps itself, or what is no Opus.
  function asHeard(one) {
    if (one.asHeard || one.track.readyState === "ended") return;
    one.asHeard = true;
    coming.delete(one.stream);
    if (one.stream !== undefined) reader.postMessage({ ended: [one.stream] });
    one.stream = numbered;
    numbered += 1;
    const { readable } = new MediaStreamTrackProcessor({ track: one.track.clone() });
    reader.postMessage({ stream: one.stream, readable }, [readable]);
  }

  const ours = new WeakSet(); // connections whose packets the page does not take itself
  const prepareAll = (link) => { if (ours.has(link)) for (const one of link.getReceivers()) prepare(one); };
  for (const name of ["addTrack", "addTransceiver"]) {
    const native = RTCPeerConnection.prototype[name];
    RTCPeerConnection.prototype[name] = function (...given) {
      const made = native.apply(this, given);
      prepareAll(this);
      return made;
    };
  }
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, given, self) {
      const link = Reflect.construct(target, given, self);
      const theirs = given[0]?.encodedInsertableStreams === true;
      if (!theirs && window.RTCRtpScriptTransform && window.AudioDecoder) ours.add(link);
      link.addEventListener("track", ({ track, receiver }) => { prepareAll(link); take(track, receiver); });
      return link;
    },
  });
}
