// The waiting page goes on by itself when the text has arrived. Without this script its button does.
"use strict";

(() => {
  const place = document.querySelector("[data-events]");
  if (!place) return;

  const { events, page, left, arrived, offline, minute } = place.dataset;
  const status = place.querySelector("[role=status]");
  const timer = place.querySelector("[role=timer]");
  const waiting = status.textContent;
  const deadline = Date.now() + Number(left) * 1000;
  const longestPause = 30000;

  let stream = null;
  let retry = 0;
  let pause = 2000;
  let leaving = false;
  let warned = Number(left) <= 60;

  // Changing nothing is not announced again.
  const say = (words) => {
    if (status.textContent !== words) status.textContent = words;
  };

  const leave = () => {
    if (leaving) return;
    leaving = true;
    close();
    location.replace(page);
  };

  const close = () => {
    clearTimeout(retry);
    if (stream) stream.close();
    stream = null;
  };

  const listen = () => {
    close();
    if (leaving) return;
    stream = new EventSource(events);
    stream.addEventListener("open", () => {
      pause = 2000;
      if (status.textContent === offline) say(waiting);
    });
    stream.addEventListener("proven", () => {
      say(arrived);
      leave();
    });
    stream.addEventListener("ended", leave);
    stream.addEventListener("error", () => {
      say(offline);
      // A refusal ends the stream for good; what only broke the browser repeats by itself.
      if (!stream || stream.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(listen, pause);
      pause = Math.min(pause * 2, longestPause);
    });
  };

  const tick = () => {
    const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    timer.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds <= 60 && !warned) {
      warned = true;
      say(minute);
    }
    if (seconds === 0 && !document.hidden) leave();
  };

  // While the person is in the messages app nothing is held open; what happened meanwhile is the
  // first thing a new stream tells.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      close();
    } else {
      tick();
      listen();
    }
  });
  // A page that comes back from the browser's memory is old.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.replace(page);
  });
  addEventListener("pagehide", close);

  setInterval(tick, 1000);
  tick();
  if (!document.hidden) listen();
})();
