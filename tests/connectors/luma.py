"""How bright a video of a page is: a script that takes the element."""

LUMA_JS = """(video) => {
  if (!video || video.readyState < 2 || !video.videoWidth) return -1;
  const pen = new OffscreenCanvas(8, 8).getContext("2d");
  pen.drawImage(video, 0, 0, 8, 8);
  const pixels = pen.getImageData(0, 0, 8, 8).data;
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 4) sum += pixels[at + 1];
  return (sum / 64) * 219 / 255 + 16;
}"""
