// What a platform's media server does and no browser can: this page's share of it runs in a frame nobody looks into. There
// the others' tracks arrive; what the platform would send instead goes to the page over one real connection.
const LOUD = 0.012; // rms of full scale
const LOOK_MS = 50;
const HOLD_MS = 300; // a source counts as contributing for so long
const SHARED = 3; // tracks that Meet's server shares among all who speak

class MediaServer {
  constructor(count) {
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    this.frame.title = "the simulator's own media server";
    document.body.append(this.frame);
    this.Connection = this.frame.contentWindow.RTCPeerConnection;
    this.context = new AudioContext();
    this.outs = Array.from({ length: count }, () => this.context.createMediaStreamDestination());
    this.parts = new Map();
    this.players = [];
    this.connect();
  }

  // The page's end of the one connection: it receives what the server sends, and nothing else.
  async connect() {
    const server = (this.server = new this.Connection({ iceServers: [] }));
    const page = (this.page = new window.RTCPeerConnection({ iceServers: [] }));
    server.onicecandidate = ({ candidate }) => page.addIceCandidate(candidate ?? undefined);
    page.onicecandidate = ({ candidate }) => server.addIceCandidate(candidate ?? undefined);
    page.ontrack = ({ track, receiver }) => this.play(track, receiver);
    this.prepare(server);
    for (const out of this.outs) server.addTrack(out.stream.getAudioTracks()[0], out.stream);
    await server.setLocalDescription();
    await page.setRemoteDescription(server.localDescription);
    await page.setLocalDescription();
    await server.setRemoteDescription(page.localDescription);
  }

  prepare() {}

  play(track) {
    const player = Object.assign(document.createElement("audio"), { autoplay: true, srcObject: new MediaStream([track]) });
    this.players.push(player);
    document.body.append(player);
  }

  // Takes the sound out of a participant's stream; what is left is their picture.
  take(id, stream) {
    this.drop(id);
    if (stream.getAudioTracks().length) {
      const sound = new MediaStream(stream.getAudioTracks());
      const unheard = Object.assign(new Audio(), { muted: true, srcObject: sound }); // Chromium decodes what is played
      const part = { source: this.context.createMediaStreamSource(sound), unheard };
      this.parts.set(id, part);
      this.send(id, part);
    }
    return new MediaStream(stream.getVideoTracks());
  }

  drop(id) {
    this.parts.get(id)?.source.disconnect();
    this.parts.delete(id);
  }

  close() {
    for (const id of [...this.parts.keys()]) this.drop(id);
    this.server.close();
    this.page.close();
    for (const player of this.players) player.remove();
    this.context.close();
    this.frame.remove();
  }
}

// One mixed track, as Teams' and Zoom's servers send it.
export class Mixer extends MediaServer {
  constructor() {
    super(1);
  }

  send(id, { source }) {
    source.connect(this.outs[0]);
  }
}

// Three tracks for all, as Meet's server sends them, or fewer: whoever speaks is put on one. Whose they are is told by contributing
// sources, which a browser cannot write into its packets: they are injected into the receivers. Which source is whose
// comes by a data channel, as at Meet; the coding is our own.
export class SharedTracks extends MediaServer {
  constructor(tracks = SHARED) {
    super(tracks);
    this.slots = Array.from({ length: tracks }, () => ({ id: null, loudAt: 0 }));
    this.numbers = new Map();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  prepare(server) {
    this.channel = server.createDataChannel("collections");
    this.channel.onopen = () => this.tell();
  }

  play(track, receiver) {
    const slot = this.players.length;
    receiver.getContributingSources = () => this.sources(slot);
    super.play(track);
  }

  send(id, part) {
    part.analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    part.wave = new Float32Array(part.analyser.fftSize);
    part.source.connect(part.analyser);
    if (!this.numbers.has(id)) this.numbers.set(id, 1000 + this.numbers.size);
    this.tell();
  }

  tell() {
    const sources = Object.fromEntries([...this.numbers].map(([id, number]) => [number, id]));
    if (this.channel?.readyState === "open") this.channel.send(JSON.stringify({ sources }));
  }

  look() {
    const now = performance.now();
    for (const [id, { source, analyser, wave }] of this.parts) {
      analyser.getFloatTimeDomainData(wave);
      if (Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length) < LOUD) continue;
      let slot = this.slots.find((one) => one.id === id);
      if (!slot) {
        slot = this.slots.reduce((one, other) => (other.loudAt < one.loudAt ? other : one));
        const out = this.outs[this.slots.indexOf(slot)];
        if (this.parts.has(slot.id)) this.parts.get(slot.id).source.disconnect(out);
        slot.id = id;
        source.connect(out);
      }
      slot.loudAt = now;
    }
  }

  drop(id) {
    super.drop(id);
    for (const slot of this.slots ?? []) if (slot.id === id) slot.id = null;
  }

  sources(at) {
    const { id, loudAt } = this.slots[at];
    if (!id || performance.now() - loudAt > HOLD_MS) return [];
    return [{ source: this.numbers.get(id), audioLevel: 0.5, timestamp: performance.timeOrigin + loudAt, rtpTimestamp: 0 }];
  }

  close() {
    clearInterval(this.timer);
    super.close();
  }
}
