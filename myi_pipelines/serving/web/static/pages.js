// What pages do beyond HTML: values on hover, arrows between periods and marks, search as you type, uploads with progress.

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);

function textOf(mark) {
  const title = mark.querySelector(":scope > title");
  if (title) {
    mark.dataset.tip = title.textContent;
    if (mark.tagName === "a") mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  return mark.dataset.tip;
}

function showTip(mark, x, y) {
  const text = textOf(mark);
  if (!text) return;
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
  const top = y - box.height - 12 > 4 ? y - box.height - 12 : y + 18;
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

const markAt = (event) => event.target.closest?.(".chart .column, .chart .cell, .chart .lane");
document.addEventListener("pointermove", (event) => {
  const mark = markAt(event);
  if (mark) showTip(mark, event.clientX, event.clientY);
  else tip.hidden = true;
});
document.addEventListener("focusin", (event) => {
  const mark = markAt(event);
  if (!mark) { tip.hidden = true; return; }
  const box = mark.getBoundingClientRect();
  showTip(mark, box.left + box.width / 2, box.top);
});
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// One stop of the Tab key for each chart; arrows go from mark to mark.
function arrowInChart(event) {
  const mark = event.target.closest?.(".chart a.column, .chart a.cell, .chart a.lane");
  if (!mark) return false;
  const marks = [...(mark.closest(".calendar") ?? mark.closest("svg")).querySelectorAll("a.column, a.cell, a.lane")];
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  const next = marks[marks.indexOf(mark) + step];
  if (!next) return true;
  mark.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
  event.preventDefault();
  return true;
}

const isTyping = (target) => target.closest?.("input, select, textarea, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    tip.hidden = true;
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    const found = document.querySelector(".found");
    if (found) found.replaceChildren();
  }
  if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
  if (event.key.startsWith("Arrow") && arrowInChart(event)) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector(".find input")?.focus();
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    if (event.shiftKey || event.target.closest?.("[role=region]")) return;
    document.querySelector(event.key === "ArrowLeft" ? "a.step[rel=prev]" : "a.step[rel=next]")?.click();
  }
});
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

// Search as you type: the server sends the list as HTML.
const search = document.querySelector(".find input");
if (search) {
  const found = document.querySelector(".found");
  let waiting, latest = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const words = search.value.trim();
      const number = ++latest;
      if (!words) { found.replaceChildren(); return; }
      const url = new URL(search.form.action);
      url.search = new URLSearchParams([...new FormData(search.form), ["part", "list"]]);
      const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
      if (number !== latest || !answer?.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      found.replaceChildren(...page.body.childNodes);
    }, 120);
  });
  search.form.addEventListener("keydown", (event) => {
    const links = [search, ...found.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && links[links.indexOf(document.activeElement) + step];
    if (next) { event.preventDefault(); next.focus(); }
  });
  document.addEventListener("click", (event) => { if (!search.form.contains(event.target)) found.replaceChildren(); });
}

// Lists go on in place.
document.addEventListener("click", async (event) => {
  const more = event.target.closest?.("a[data-more]");
  if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  more.setAttribute("aria-busy", "true");
  const answer = await fetch(more.href).catch(() => null);
  if (!answer?.ok) { location.assign(more.href); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const list = document.querySelector(more.dataset.more);
  const rows = [...page.querySelectorAll(`${more.dataset.more} > *`)];
  list.append(...rows);
  const next = page.querySelector("a[data-more]");
  if (next) more.replaceWith(next); else more.closest(".more-rows").remove();
  rows[0]?.querySelector("a")?.focus({ preventScroll: true });
});

// Files are sent one after the other, each as a stream, with its progress.
const drop = document.querySelector("form.drop");
if (drop) {
  const input = drop.querySelector("input[type=file]");
  const list = document.querySelector("#sending");
  const send = (file) => new Promise((resolve) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = file.name;
    name.dir = "auto";
    const bar = document.createElement("progress");
    bar.max = file.size || 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    const state = document.createElement("small");
    row.append(name, bar, state);
    list.append(row);
    const request = new XMLHttpRequest();
    request.open("POST", `${drop.action}?file=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => { bar.value = event.loaded; };
    request.onload = () => {
      if (request.status < 300) state.textContent = "here; it is read next";
      else {
        let said = `refused (${request.status})`;
        try { said = JSON.parse(request.responseText).detail || said; } catch { /* a proxy answered */ }
        state.textContent = said;
      }
      resolve(request.status < 300);
    };
    request.onerror = () => { state.textContent = "the connection broke: send it again"; resolve(false); };
    request.send(file);
  });
  const sendAll = async (files) => {
    let sent = false;
    for (const file of files) sent = (await send(file)) || sent;
    if (sent) setTimeout(() => location.reload(), 800);
  };
  drop.addEventListener("submit", (event) => { if (input.files.length) { event.preventDefault(); sendAll(input.files); } });
  input.addEventListener("change", () => drop.requestSubmit());
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); sendAll(event.dataTransfer.files); });
}

// Who adds a listener mostly lives where the listener does.
for (const field of document.querySelectorAll("input[data-own-zone]")) {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// What is playing now goes when it is over; what plays next is asked for then, and when somebody comes back to the page.
if (document.querySelector("#playing")) {
  let timer;
  const wait = () => {
    clearTimeout(timer);
    const until = Date.parse(document.querySelector("#playing").dataset.until);
    if (until) timer = setTimeout(again, Math.min(Math.max(until - Date.now(), 0) + 1000, 2 ** 31 - 1));
  };
  const again = async () => {
    const answer = document.hidden ? null : await fetch(location.href).catch(() => null);
    const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    const here = document.querySelector("#playing");
    const next = page && page.querySelector("#playing");
    if (next) here.replaceWith(next);
    else if (Date.parse(here.dataset.until) < Date.now()) { here.removeAttribute("class"); here.replaceChildren(); }
    if (next) wait();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) again(); });
  wait();
}

// While something is being read or derived, the part that says so is asked for again.
const live = document.querySelector("[data-live]");
if (live) {
  const again = async () => {
    const answer = document.hidden ? null : await fetch(location.href).catch(() => null);
    if (answer?.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector(`#${live.id}`);
      const here = document.getElementById(live.id);
      if (!next || !next.hasAttribute("data-live")) { location.reload(); return; }
      if (next.innerHTML !== here.innerHTML) here.replaceChildren(...next.childNodes);
    }
    setTimeout(again, 1500);
  };
  setTimeout(again, 1500);
}
