// What one page plays: only the participant whose name stands in `understudyHears`, or nobody where that is empty.
// Several people at one browser share one sound server; heard by one of them, a voice must not be heard again by all.
(() => {
  window.understudyHears = "";
  setInterval(() => {
    for (const video of document.querySelectorAll(".tile:not(.own) video")) {
      video.muted = video.closest(".tile").getAttribute("aria-label") !== window.understudyHears;
    }
  }, 100);
})();
