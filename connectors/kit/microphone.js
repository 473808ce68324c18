// Our microphone is a clean voice without a room: echo, noise and gain processing could only harm it.
() => {
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => {
    if (!wanted?.audio) return ask(wanted);
    const given = wanted.audio === true ? {} : wanted.audio;
    return ask({ ...wanted, audio: { ...given, echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  };
}
