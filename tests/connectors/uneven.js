// Before all code of workers: every other AudioDecoder gives three pieces as one, and the next one as two.
() => {
  const uneven = () => {
    const Even = self.AudioDecoder;
    let made = 0;
    function* cut(pieces, ends) {
      const { timestamp, sampleRate } = pieces[0]; // of what is closed they are nothing
      const samples = new Float32Array(pieces.reduce((sum, one) => sum + one.numberOfFrames, 0));
      let filled = 0;
      for (const one of pieces) {
        one.copyTo(samples.subarray(filled), { planeIndex: 0, format: "f32-planar" });
        filled += one.numberOfFrames;
        one.close();
      }
      for (const [from, until] of ends(samples.length)) {
        const data = samples.slice(from, until);
        const init = { format: "f32-planar", sampleRate, numberOfChannels: 1, numberOfFrames: until - from, data };
        yield new AudioData({ ...init, timestamp: timestamp + (from / sampleRate) * 1e6 });
      }
    }
    self.AudioDecoder = class extends Even {
      constructor({ output, error }) {
        const held = [];
        let taken = 0;
        const give = (audio) => {
          held.push(audio);
          taken += 1;
          if (taken % 4 === 0) for (const one of cut(held.splice(0), (all) => [[0, 300], [300, all]])) output(one);
          else if (taken % 4 === 3) for (const one of cut(held.splice(0), (all) => [[0, all]])) output(one);
        };
        made += 1;
        super({ output: made % 2 ? give : output, error });
      }
    };
  };
  const Whole = window.Blob;
  window.Blob = class extends Whole {
    constructor(parts, options) {
      super(options?.type === "text/javascript" ? [`(${uneven})();`, ...parts] : parts, options);
    }
  };
}
