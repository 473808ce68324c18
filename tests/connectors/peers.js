// A page that calls itself: `window.call(name, habits)` puts a tile with a participant's tone there, or with what
// `window.say(tones)` says.
() => {
  const frame = document.body.appendChild(document.createElement("iframe")); // what no script has been at
  const natives = frame.contentWindow.RTCPeerConnection.prototype;
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 500 });
  tone.start();
  const speech = new GainNode(context, { gain: 0.4 });
  const senders = new Map(); // name -> sender
  const worker = (code) => new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const unwrapping = "onrtctransform = ({ transformer }) => transformer.readable.pipeTo(transformer.writable)";

  // Of each so many packets one is no Opus.
  const garbling = (every) => `onrtctransform = async ({ transformer: { readable, writable } }) => {
    let count = 0;
    await readable.pipeThrough(new TransformStream({ transform(packet, next) {
      count += 1;
      if (count % ${every} === 0) packet.data = new Uint8Array([0xf9, 1, 2, 3, 4, 5, 6, 7]).buffer;
      next.enqueue(packet);
    } })).pipeTo(writable);
  }`;

  // What a receiver asks of who sends: of Opus' parameters, and lines of their own.
  const asking = ({ parameters, lines }) => ({ type, sdp }) => ({
    type,
    sdp: sdp
      .replace(/^(a=fmtp:111 .*)\r$/gm, parameters ? `$1;${parameters}\r` : "$1\r")
      .replace(/^(a=rtpmap:111 .*)\r$/gm, lines ? `$1\r\n${lines}\r` : "$1\r"),
  });

  // A candidate that leads through the network, where there is one: only such may be offered then.
  async function another(candidate) {
    if (!window.through) return candidate;
    if (candidate.protocol !== "udp" || !/^[0-9.]+$/.test(candidate.address)) return null;
    const port = await window.through(candidate.address, candidate.port);
    const text = candidate.candidate.replace(`${candidate.address} ${candidate.port}`, `${candidate.address} ${port}`);
    return { candidate: text, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex };
  }

  const bare = ({ type, sdp }) => ({ type, sdp: sdp.replace(/^a=candidate.*\r\n/gm, "") });

  window.call = async (name, habits) => {
    const source = new MediaStreamAudioDestinationNode(context);
    (habits.says ? speech : tone).connect(source);
    const here = new RTCPeerConnection();
    const there = new RTCPeerConnection(habits.unwraps === "streams" ? { encodedInsertableStreams: true } : {});
    const [asked, told] = [Promise.withResolvers(), Promise.withResolvers()];
    const lead = (from, to, described) => {
      from.onicecandidate = async ({ candidate }) => {
        const other = candidate?.candidate && (await another(candidate));
        await described;
        if (other) await to.addIceCandidate(other);
      };
    };
    lead(here, there, asked.promise);
    lead(there, here, told.promise);
    const audio = document.createElement("audio");
    there.ontrack = ({ track, receiver }) => {
      audio.srcObject = new MediaStream([track]);
      if (habits.unwraps === "streams") {
        const { readable, writable } = receiver.createEncodedStreams();
        readable.pipeTo(writable);
      }
    };
    const sender = here.addTrack(source.stream.getAudioTracks()[0], source.stream);
    senders.set(name, sender);
    if (habits.garbles) sender.transform = new RTCRtpScriptTransform(worker(garbling(habits.garbles)), {});
    const own = new MediaStreamAudioDestinationNode(context).stream;
    if (habits.speaks) there.addTrack(own.getAudioTracks()[0], own);
    if (habits.hides) natives.addTrack.call(there, own.getAudioTracks()[0], own);
    const codecs = RTCRtpSender.getCapabilities("audio").codecs;
    const only = (kind) => codecs.filter((one) => one.mimeType === kind);
    const others = (kind) => codecs.filter((one) => one.mimeType !== kind);
    const speak = (kinds) => here.getTransceivers()[0].setCodecPreferences(kinds);
    if (habits.redundant) speak([...only("audio/red"), ...others("audio/red")]);
    if (habits.foreign) speak(only("audio/PCMU")); // with comfort noise beside it a steady tone fades
    const wanted = asking(habits);
    await here.setLocalDescription();
    await there.setRemoteDescription(wanted(bare(here.localDescription)));
    asked.resolve();
    await there.setLocalDescription();
    await here.setRemoteDescription(wanted(bare(there.localDescription)));
    told.resolve();
    if (habits.leaves) { here.close(); there.close(); return; }
    const tile = document.createElement("div");
    tile.dataset.who = name;
    tile.append(audio);
    document.body.append(tile);
    await audio.play();
    if (habits.unwraps === "late") {
      await new Promise((done) => setTimeout(done, 500));
      there.getReceivers()[0].transform = new RTCRtpScriptTransform(worker(unwrapping), {});
    }
  };

  window.plays = async (name) => {
    const track = document.querySelector(`[data-who="${name}"] audio`).srcObject.getAudioTracks()[0];
    const listener = new AnalyserNode(context);
    const played = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
    played.connect(listener);
    const samples = new Float32Array(listener.fftSize);
    for (let look = 0; look < 50; look += 1) {
      await new Promise((done) => setTimeout(done, 100));
      listener.getFloatTimeDomainData(samples);
      if (samples.some((one) => Math.abs(one) > 0.05)) break;
    }
    played.disconnect();
    return samples.some((one) => Math.abs(one) > 0.05);
  };

  // Each tone is [hz, seconds from now, seconds].
  window.say = (tones) => {
    const now = context.currentTime;
    for (const [frequency, at, lasts] of tones) {
      const one = new OscillatorNode(context, { frequency });
      one.connect(speech);
      one.start(now + at);
      one.stop(now + at + lasts);
    }
  };

  // How many packets each has sent.
  window.sent = async () => {
    const counts = {};
    for (const [name, sender] of senders) {
      for (const one of (await sender.getStats()).values()) {
        if (one.type === "outbound-rtp") counts[name] = one.packetsSent;
      }
    }
    return counts;
  };
}
