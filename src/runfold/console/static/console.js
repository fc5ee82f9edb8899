// The console's own script: keys, the slider, the theme. Pages can be read without it.
"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const base = document.body.dataset.base;
  const go = (path) => { location.href = base + path; };
  let before = "";

  // Rows of a list or a timeline: j and k move, Enter opens.
  const rows = () => [...document.querySelectorAll("tr[data-href], .rows .row[tabindex]")];
  const chosen = () => rows().findIndex((row) => row.classList.contains("on") || row === document.activeElement);
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = chosen();
    const next = all[Math.min(Math.max(at < 0 ? 0 : at + step, 0), all.length - 1)];
    for (const row of all) row.classList.toggle("on", row === next);
    if (next.hasAttribute("tabindex")) {
      for (const row of all) row.setAttribute("tabindex", row === next ? "0" : "-1");
      next.focus({ preventScroll: true });
    }
    next.scrollIntoView({ block: "nearest" });
  }
  function open(row) {
    if (!row) return;
    if (row.dataset.href) location.href = row.dataset.href;
    else if (row.dataset.node) show({ node: row.dataset.node, tab: "" });
  }

  // An execution at one of its events, without loading the frame again. The address is the state.
  const body = () => $("#body");
  let waiting = null;
  function address(change) {
    const now = body().dataset;
    const wanted = { event: now.event, node: now.node, tab: now.tab, ...change };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
    const text = query.toString();
    return now.url + (text ? "?" + text : "");
  }
  async function show(change) {
    const url = address(change);
    const mine = waiting = {};
    const dim = setTimeout(() => body().classList.add("busy"), 150);
    const focused = document.activeElement && document.activeElement.id === "slide";
    const scrolled = $(".tl") ? $(".tl").scrollTop : 0;
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (waiting !== mine) return;
      if (!answer.ok || !(answer.headers.get("content-type") || "").startsWith("text/html")) { location.href = url; return; }
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = parsed.querySelector("#body");
      if (waiting !== mine || !fresh) return;
      body().replaceWith(document.adoptNode(fresh));
      history.replaceState(null, "", url);
      if ($(".tl")) $(".tl").scrollTop = scrolled;
      if (focused && $("#slide")) $("#slide").focus();
    } catch { location.href = url; } finally { clearTimeout(dim); if (body()) body().classList.remove("busy"); }
  }
  function step(by) {
    const now = body().dataset, last = Number(now.last);
    if (!last) return;
    const at = Math.min(Math.max(Number(now.event || last) + by, 1), last);
    show({ event: at === last ? "" : String(at) });
  }
  document.addEventListener("change", (event) => {
    if (event.target.id !== "slide") return;
    const last = Number(event.target.max), at = Number(event.target.value);
    show({ event: at === last ? "" : String(at) });
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (event.target.closest("[data-keys]")) return $("#keys").showModal();
    if (event.target.closest("[data-copy]")) return copy();
    if (link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    const row = event.target.closest("tr[data-href], .rows .row");
    if (row && String(getSelection()) === "") open(row);
  });
  function copy() { if (navigator.clipboard) navigator.clipboard.writeText(location.href); }

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `runfold_theme=${root.dataset.theme};path=${base || "/"};max-age=31536000;samesite=strict`;
  }
  const marked = [];
  function mark() {
    const row = rows()[chosen()];
    if (!row || !row.dataset.id) return;
    const at = marked.indexOf(row.dataset.id);
    if (at >= 0) marked.splice(at, 1); else marked.push(row.dataset.id);
    while (marked.length > 2) marked.shift();
    for (const each of rows()) each.classList.toggle("marked", marked.includes(each.dataset.id));
  }
  function compare() {
    if (marked.length === 2) go(`/executions/${encodeURIComponent(marked[0])}/diff/${encodeURIComponent(marked[1])}`);
  }

  const PAGES = { e: "executions", i: "inbox", s: "stuck", w: "workflows", p: "projections", l: "log" };
  const first = (selector) => { const found = $(selector); if (found) found.click(); return !!found; };
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range";
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || event.metaKey || event.ctrlKey || event.altKey || $("dialog[open]")) return;
    const key = event.key;
    if (before === "g") { before = ""; if (PAGES[key]) { event.preventDefault(); go("/" + PAGES[key]); } return; }
    before = key === "g" ? "g" : "";
    const inside = !!body();
    let done = true;
    if (key === "/") { if ($("#find")) $("#find").focus(); else done = false; }
    else if (key === "?") $("#keys").showModal();
    else if (key === "t") theme();
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "n") done = first("a[rel=next]");
    else if (key === "l") done = first("#live");
    else if (key === "x") mark();
    else if (key === "d") compare();
    else if (key === "s") done = first("[data-swap]");
    else if (key === "y") copy();
    else if (key === "Enter" && event.target.closest("tr, .row, body") && !event.target.closest("a, button, summary")) open(rows()[chosen()]);
    else if (inside && key === "ArrowLeft") step(event.shiftKey ? -10 : -1);
    else if (inside && key === "ArrowRight") step(event.shiftKey ? 10 : 1);
    else if (inside && key === "Home") show({ event: "1" });
    else if (inside && key === "End") show({ event: "" });
    else done = false;
    if (done) event.preventDefault();
  });

  // Newer executions wait above the list, and never move what is read.
  const live = $("#live");
  if (live && live.dataset.than) {
    const ask = async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(`${base}/executions/newer?than=${encodeURIComponent(live.dataset.than)}`);
        if (!answer.ok) return;
        const { newer } = await answer.json();
        if (newer) live.firstElementChild.textContent = `${newer}${newer >= 100 ? "+" : ""} newer`;
      } catch { /* the strip says that the console is away */ }
    };
    setInterval(ask, 3000);
  }
})();
