// One mixed track, as Teams' and Zoom's servers send it. A browser is no such server: this page's share of it runs in a
// frame nobody looks into. There the others' tracks arrive, are mixed, and go to the page over one real connection.
export class Mixer {
  constructor() {
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    this.frame.title = "the simulator's own media server";
    document.body.append(this.frame);
    this.Connection = this.frame.contentWindow.RTCPeerConnection;
    this.context = new AudioContext();
    this.out = this.context.createMediaStreamDestination();
    this.parts = new Map();
    this.ready = this.connect();
  }

  // The page's end of the one connection; its only remote track is the mix.
  async connect() {
    const server = (this.server = new this.Connection({ iceServers: [] }));
    const page = (this.page = new window.RTCPeerConnection({ iceServers: [] }));
    server.onicecandidate = ({ candidate }) => page.addIceCandidate(candidate ?? undefined);
    page.onicecandidate = ({ candidate }) => server.addIceCandidate(candidate ?? undefined);
    page.ontrack = ({ track }) => {
      this.player = Object.assign(document.createElement("audio"), { autoplay: true, srcObject: new MediaStream([track]) });
      this.player.dataset.tid = "main-audio";
      document.body.append(this.player);
    };
    server.addTrack(this.out.stream.getAudioTracks()[0], this.out.stream);
    await server.setLocalDescription();
    await page.setRemoteDescription(server.localDescription);
    await page.setLocalDescription();
    await server.setRemoteDescription(page.localDescription);
  }

  // Takes the sound out of a participant's stream; what is left is their picture.
  take(id, stream) {
    this.drop(id);
    if (stream.getAudioTracks().length) {
      const sound = new MediaStream(stream.getAudioTracks());
      const unheard = Object.assign(new Audio(), { muted: true, srcObject: sound }); // Chromium decodes what is played
      const source = this.context.createMediaStreamSource(sound);
      source.connect(this.out);
      this.parts.set(id, { source, unheard });
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
    this.player?.remove();
    this.context.close();
    this.frame.remove();
  }
}
