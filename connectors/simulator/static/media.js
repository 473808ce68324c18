// This browser's own camera and microphone, and whether its owner is speaking.

const LOUD = 0.012; // rms of full scale
const QUIET_MS = 400; // silence that ends a stretch of speech
const LOOK_MS = 60;

// Asks for both, then for each alone: a page without a camera can still talk. `microphone` is a device's id; empty: any.
export async function openDevices(microphone = "") {
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  const audio = microphone ? { deviceId: { exact: microphone } } : true;
  for (const wanted of [{ audio, video }, { audio }, { video }]) {
    try {
      return await navigator.mediaDevices.getUserMedia(wanted);
    } catch (error) {
      if (!["NotFoundError", "NotAllowedError", "NotReadableError", "OverconstrainedError"].includes(error.name)) throw error;
    }
  }
  return new MediaStream();
}

// The microphones there are, as [id, label]; known once one of them was opened.
export async function listMicrophones() {
  const aliases = ["", "default", "communications"];
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind, deviceId }) => kind === "audioinput" && !aliases.includes(deviceId))
    .map(({ deviceId, label }) => [deviceId, label]);
}

// Calls `tell(true | false)` when the microphone's owner starts or stops speaking; returns what ends it.
export function watchVoice(stream, tell) {
  if (!stream.getAudioTracks().length) return () => {};
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(stream).connect(analyser);
  const wave = new Float32Array(analyser.fftSize);
  let speaking = false;
  let loudAt = 0;
  const timer = setInterval(() => {
    if (context.state === "suspended") context.resume();
    analyser.getFloatTimeDomainData(wave);
    const level = Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length);
    const now = performance.now();
    if (level > LOUD) loudAt = now;
    const active = loudAt > 0 && now - loudAt < QUIET_MS;
    if (active !== speaking) tell((speaking = active));
  }, LOOK_MS);
  return () => { clearInterval(timer); context.close(); };
}
