// WebRTC between the participants: one connection to each other one, by the "perfect negotiation" pattern
// (W3C WebRTC 1.0, section 10.7). Whoever comes later calls; of two that call at once the smaller id yields.

const VIDEO_START_KBPS = 1000; // so that a picture starts near its full size instead of after 15 s of probing
const VIDEO_MAX_BPS = 1_800_000;

export class Call {
  // `pictures`, `sounds` false: none is received, and none is coded for this page by the others.
  // `Connection`: whose connections are made, where not this window's.
  constructor({ self, local, send, pictures = true, sounds = true, onStream, Connection = window.RTCPeerConnection }) {
    Object.assign(this, { self, local, send, Connection, received: { video: pictures, audio: sounds }, onStream });
    this.peers = new Map();
    this.cameraOn = true;
  }

  // Call a participant who is already there.
  reach(id) {
    this.peer(id, true);
  }

  async signal(id, body) {
    await this.peer(id, false).take(body);
  }

  forget(id) {
    this.peers.get(id)?.close();
    this.peers.delete(id);
  }

  close() {
    for (const id of [...this.peers.keys()]) this.forget(id);
  }

  async showCamera(on) {
    this.cameraOn = on;
    await Promise.all([...this.peers.values()].map((peer) => peer.showCamera(on)));
  }

  peer(id, calls) {
    if (!this.peers.has(id)) this.peers.set(id, new Peer(this, id, calls));
    return this.peers.get(id);
  }
}

class Peer {
  constructor(call, id, calls) {
    Object.assign(this, { call, id, polite: call.self < id, making: false, ignored: false });
    this.taking = Promise.resolve();
    const link = (this.link = new call.Connection({ iceServers: [], bundlePolicy: "max-bundle" }));
    link.onicecandidate = ({ candidate }) => this.send({ candidate });
    link.ontrack = ({ track, streams }) => this.takeIn(track, streams[0]);
    link.onnegotiationneeded = () => this.offer();
    link.onconnectionstatechange = () => { if (link.connectionState === "failed") link.restartIce(); };
    for (const kind of ["audio", "video"]) {
      const track = call.local.getTracks().find((one) => one.kind === kind);
      if (track) link.addTrack(track, call.local);
      else if (calls && call.received[kind]) link.addTransceiver(kind, { direction: "recvonly" });
    }
    this.refuse();
    this.showCamera(call.cameraOn);
  }

  send(body) {
    this.call.send({ type: "signal", to: this.id, body });
  }

  async offer() {
    try {
      this.making = true;
      await this.link.setLocalDescription();
      this.send({ description: this.link.localDescription });
    } finally {
      this.making = false;
    }
  }

  // Messages are taken one after the other: a candidate must not overtake its description.
  take(body) {
    this.taking = this.taking.then(() => (body.description ? this.describe(body.description) : this.candidate(body.candidate)));
    return this.taking;
  }

  async describe(description) {
    const collision = description.type === "offer" && (this.making || this.link.signalingState !== "stable");
    this.ignored = collision && !this.polite;
    if (this.ignored) return;
    await this.link.setRemoteDescription({ type: description.type, sdp: startFaster(description.sdp) });
    if (description.type === "offer") {
      this.refuse();
      await this.link.setLocalDescription();
      this.send({ description: this.link.localDescription });
    }
    await this.tune();
  }

  async candidate(candidate) {
    try {
      await this.link.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      if (!this.ignored) console.warn("a candidate was not understood", error.name);
    }
  }

  // Sound that stands beside a picture that never comes is not played: without pictures it goes alone.
  takeIn(track, stream) {
    const { received, onStream } = this.call;
    if (stream && received[track.kind]) onStream(this.id, received.video ? stream : new MediaStream([track]));
  }

  // Takes in only what is to be received.
  refuse() {
    for (const one of this.link.getTransceivers()) {
      if (!this.call.received[one.receiver.track.kind]) one.direction = one.sender.track ? "sendonly" : "inactive";
    }
  }

  // A talking face: a steady rate matters more than detail, but at these sizes neither should have to give way.
  async tune() {
    const sender = this.video();
    const parameters = sender?.getParameters();
    if (!parameters?.encodings?.length || parameters.encodings[0].maxBitrate === VIDEO_MAX_BPS) return;
    parameters.encodings[0].maxBitrate = VIDEO_MAX_BPS;
    parameters.degradationPreference = "maintain-framerate";
    await sender.setParameters(parameters);
  }

  video() {
    const track = this.call.local.getVideoTracks()[0];
    return track && (this.sender ??= this.link.getSenders().find((one) => one.track === track));
  }

  async showCamera(on) {
    const sender = this.video();
    if (sender) await sender.replaceTrack(on ? this.call.local.getVideoTracks()[0] : null);
  }

  close() {
    this.link.onconnectionstatechange = null;
    this.link.close();
  }
}

// The sender reads its first bitrate from the other side's description (Chromium's x-google-start-bitrate).
function startFaster(sdp) {
  return sdp.split("\r\n").flatMap((line) => {
    const codec = /^a=rtpmap:(\d+) (VP8|VP9|H264|AV1)\/90000$/.exec(line);
    if (!codec) return [line];
    const format = `a=fmtp:${codec[1]} `;
    return sdp.includes(format) ? [line] : [line, `${format}x-google-start-bitrate=${VIDEO_START_KBPS}`];
  }).map((line) => {
    if (!/^a=fmtp:\d+ (?!apt=)/.test(line) || line.includes("x-google-start-bitrate")) return line;
    const number = /^a=fmtp:(\d+)/.exec(line)[1];
    const video = new RegExp(`a=rtpmap:${number} (VP8|VP9|H264|AV1)/90000`).test(sdp);
    return video ? `${line};x-google-start-bitrate=${VIDEO_START_KBPS}` : line;
  }).join("\r\n");
}
