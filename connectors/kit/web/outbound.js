// What this page's connections have sent, by their own statistics. Reads only: no track, no direction is touched.
(() => {
  const home = (() => { try { return window.top.location.href && window.top; } catch { return window; } })();
  home.understudyLinks ??= new Set();
  if (!window.RTCPeerConnection) return;
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, given, self) {
      const link = Reflect.construct(target, given, self);
      home.understudyLinks.add(link);
      return link;
    },
  });
  home.understudySent ??= async () => {
    const sent = { links: 0, frames: 0, energy: 0 };
    for (const link of home.understudyLinks) {
      if (link.connectionState === "closed") { home.understudyLinks.delete(link); continue; }
      if (link.connectionState !== "connected") continue;
      sent.links += 1;
      for (const one of (await link.getStats()).values()) {
        if (one.type === "outbound-rtp" && one.kind === "video") sent.frames += one.framesSent ?? 0;
        if (one.type === "media-source" && one.kind === "audio") sent.energy += one.totalAudioEnergy ?? 0;
      }
    }
    return sent;
  };
})();
