// A camera made inside the page: JPEG pictures from our process become a video track that getUserMedia gives out.
(settings) => {
  const devices = navigator.mediaDevices;
  if (!devices || !window.MediaStreamTrackGenerator || devices.understudyCamera) return;
  devices.understudyCamera = true;
  const OPEN_MS = 5000;
  let source = null;

  function open() {
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    const socket = new WebSocket(settings.url);
    socket.binaryType = "arraybuffer";
    let busy = false;
    socket.onmessage = async ({ data }) => {
      if (busy) return; // a page that is behind skips pictures
      busy = true;
      try {
        const decoder = new ImageDecoder({ data, type: "image/jpeg" });
        const { image } = await decoder.decode();
        await writer.write(new VideoFrame(image, { timestamp: Math.round(performance.now() * 1000) }));
        image.close();
        decoder.close();
      } finally {
        busy = false;
      }
    };
    const opened = new Promise((done, failed) => {
      socket.onopen = done;
      socket.onerror = () => failed(new DOMException("the camera's channel does not open", "NotReadableError"));
      setTimeout(() => failed(new DOMException("the camera's channel does not answer", "NotReadableError")), OPEN_MS);
    });
    return { track, opened };
  }

  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    if (!wanted?.video) return ask(wanted);
    if (source?.track.readyState !== "live") source = open();
    await source.opened;
    const stream = wanted.audio ? await ask({ audio: wanted.audio }) : new MediaStream();
    stream.addTrack(source.track.clone());
    return stream;
  };

  const list = devices.enumerateDevices.bind(devices);
  devices.enumerateDevices = async () => {
    const ours = { kind: "videoinput", deviceId: "camera", groupId: "camera", label: "Camera" };
    return [...(await list()).filter((one) => one.kind !== "videoinput"), { ...ours, toJSON: () => ours }];
  };
}
