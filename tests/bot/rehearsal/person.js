// A participant made of a canvas and an oscillator: while it talks its mouth opens as far as it is loud, `late` ms later.
(() => {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const paper = canvas.getContext("2d", { alpha: false });
    const sound = new AudioContext({ sampleRate: 48000 });
    const voice = new OscillatorNode(sound, { frequency: 300, type: "sawtooth" });
    const loudness = new GainNode(sound, { gain: 0 });
    const out = sound.createMediaStreamDestination();
    voice.connect(loudness).connect(out);
    voice.start();
    const said = [[0, 0]];
    let seed = 7, turnAt = 0, quietAt = 0;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    window.talk = (ms) => { quietAt = performance.now() + ms; };
    setInterval(() => {
      const now = performance.now();
      if (now < turnAt) return;
      const level = now < quietAt && said.at(-1)[1] === 0 ? 0.3 + 0.7 * random() : 0;
      turnAt = now + (level ? 90 + 130 * random() : 40 + 90 * random());
      loudness.gain.setTargetAtTime(0.4 * level, sound.currentTime, 0.015);
      said.push([now, level]);
    }, 5);
    let opening = 0;
    setInterval(() => {
      const moment = performance.now() - (window.late ?? 0);
      const level = said.findLast(([at]) => at <= moment)?.[1] ?? 0;
      opening += (level - opening) * 0.7;
      paper.fillStyle = "#c8a890";
      paper.fillRect(0, 0, 640, 360);
      paper.fillStyle = "#301010";
      paper.beginPath();
      paper.ellipse(320, 215, 20, 1 + 16 * opening, 0, 0, 7);
      paper.fill();
    }, 1000 / 24);
    const stream = canvas.captureStream(24);
    stream.addTrack(out.stream.getAudioTracks()[0]);
    window.kept = [sound, voice, loudness];
    return stream;
  };
})();
