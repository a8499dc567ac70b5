"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const id = (name) => document.getElementById(name);
const view = id("view"), where = id("where"), slice = id("slice"), opacity = id("opacity"), strip = id("strip");
const layers = [...document.querySelectorAll("input[data-layer]")];
const pen = view.getContext("2d"), last = data.ct.length - 1, kept = new Map();
let now = data.start, off = [];

function picture(kind, type, k) {
  const key = kind + k;
  if (!kept.has(key)) {
    const image = new Image();
    image.onload = draw;
    image.src = `data:image/${type};base64,${data[kind][k]}`;
    kept.set(key, image);
  }
  return kept.get(key);
}

function draw() {
  const ct = picture("ct", "jpeg", now);
  const over = layers.filter((box) => box.checked && data[box.dataset.layer][now])
    .map((box) => [box.dataset.layer, picture(box.dataset.layer, "png", now)]);
  if (!ct.complete || over.some(([, image]) => !image.complete)) return;
  pen.globalAlpha = 1;
  pen.drawImage(ct, 0, 0, view.width, view.height);
  for (const [kind, image] of over) {
    pen.globalAlpha = opacity && kind === opacity.dataset.of ? opacity.value / 100 : 1;
    pen.drawImage(image, 0, 0, view.width, view.height);
  }
  view.dataset.drawn = [now, ...over.map(([kind]) => kind)].join(" ");
}

function turn(k) {
  now = Math.min(last, Math.max(0, k));
  where.textContent = data.said[now];
  if (slice) {
    slice.value = now;
    slice.setAttribute("aria-valuetext", data.said[now]);
  }
  draw();
  for (const next of [now + 1, now - 1]) if (next >= 0 && next <= last) picture("ct", "jpeg", next);
}

function overlays() {
  for (const kind of ["heat", "masks"])
    document.body.classList.toggle(`hide-${kind}`, !layers.some((box) => box.dataset.layer === kind && box.checked));
  draw();
}

for (const box of layers) box.addEventListener("change", overlays);
if (opacity) opacity.addEventListener("input", () => {
  document.body.style.setProperty("--strength", opacity.value / 100);
  draw();
});
for (const button of document.querySelectorAll("[data-slice]"))
  button.addEventListener("click", () => {
    turn(Number(button.dataset.slice));
    const box = view.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) view.scrollIntoView({ block: "nearest" });
    if (slice) slice.focus({ preventScroll: true });
  });
for (const button of document.querySelectorAll("[data-step]"))
  button.addEventListener("click", () => turn(now + Number(button.dataset.step)));

if (slice) {
  const reach = (event) => {
    const box = strip.getBoundingClientRect();
    turn(Math.floor((event.clientX - box.left) / box.width * (last + 1)));
  };
  slice.addEventListener("input", () => turn(Number(slice.value)));
  // Some phones move a slider by its thumb alone, which is thin here.
  strip.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    strip.setPointerCapture(event.pointerId);
    slice.focus({ preventScroll: true });
    reach(event);
  });
  strip.addEventListener("pointermove", (event) => { if (strip.hasPointerCapture(event.pointerId)) reach(event); });
  view.parentElement.addEventListener("click", () => slice.focus({ preventScroll: true }));
  // The wheel scrolls the page until the slider has been chosen.
  view.addEventListener("wheel", (event) => {
    if (document.activeElement !== slice || event.ctrlKey) return;
    event.preventDefault();
    turn(now - Math.sign(event.deltaY));
  }, { passive: false });
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key.toLowerCase() === "m" && layers.length) {
    const on = layers.filter((box) => box.checked);
    if (on.length) off = on;
    for (const box of layers) box.checked = !on.length && (!off.length || off.includes(box));
    overlays();
  } else if (step && slice && event.target !== slice && event.target !== opacity && !event.target.closest(".wide")) {
    event.preventDefault();
    turn(now + step);
  }
});

const opened = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open]):not(.no-print)")) { one.open = true; opened.push(one); }
});
addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });

overlays();
turn(data.start);
