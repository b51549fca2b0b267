// The remote: shows the retained state of one speaker and sends its commands, over MQTT through a WebSocket.
// It talks to the broker alone. What may be done is decided by the broker's login and access list.
"use strict";
const $ = (id) => document.getElementById(id);
const SETTINGS = JSON.parse(document.querySelector("meta[name=lull]").content);
const ADDRESS = SETTINGS.address || `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;
const WORDS = {idle: "Silent", playing: "Playing", paused: "Paused", fading_out: "Fading out", stopping: "Stopping"};
const ANSWER_MS = 5000;
const MOST_TRACKS = 30;
const speakers = new Map(); // name -> {online, state, seen, tracks}
let client = null;
let device = localStorage.getItem("lull.device") || SETTINGS.device;
let isDragging = false;
let banArmed = 0;
let refusal = "Sign in";
const waiting = new Map();

const unknown = () => ({online: false, state: null, seen: 0, tracks: {tracks: [], count: 0}, night: null});
const topic = (end) => `${SETTINGS.prefix}/${device}/${end}`;
const clock = (iso) => new Date(iso).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
const text = (node, value) => { if (node.textContent !== value) node.textContent = value; };

function remaining(state, seen) {
  if (state.timer.remaining === null) return null;
  const passed = state.state === "paused" ? 0 : (Date.now() - seen) / 1000;
  return Math.max(0, state.timer.remaining - passed);
}

function spoken(seconds) {
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min left`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} left`;
}

function show() {
  const speaker = speakers.get(device) || unknown();
  const isLinked = client !== null && client.connected;
  const state = speaker.state;
  text($("link"), !$("login").hidden ? refusal : !navigator.onLine ? "No network" : !isLinked ? "No connection to the broker"
    : speaker.online ? "Online" : state === null ? "Waiting for a speaker" : "The speaker is offline");
  document.body.classList.toggle("stale", !isLinked || !speaker.online);
  showDevices();
  $("remote").hidden = $("hand").hidden = state === null || !$("login").hidden;
  if (state === null) return;
  for (const button of document.querySelectorAll("#remote button, #hand button, #volume")) button.disabled = !isLinked || !speaker.online;
  showSession(state, speaker.seen);
  showPlaylists(state);
  showTracks(state, speaker.tracks);
  showNight(speaker.night);
  text($("next"), state.next_start === null ? "No start is planned"
    : `${new Date(state.next_start).toLocaleDateString([], {weekday: "long"})} ${clock(state.next_start)}, ${state.next_entry}`);
  $("skip").setAttribute("aria-pressed", String(state.skip_tonight));
  $("schedule").setAttribute("aria-pressed", String(state.schedule));
  $("problems").replaceChildren(...state.problems.map((problem) => Object.assign(document.createElement("li"), {textContent: problem})));
  text($("version"), `lull ${state.version}`);
}

function showSession(state, seen) {
  const isIdle = state.state === "idle";
  const left = remaining(state, seen);
  text($("state"), WORDS[state.state] || state.state);
  text($("left"), isIdle ? "" : left !== null ? spoken(left)
    : {"end-of-track": "Until the end of the track", "end-of-playlist": "Until the end of the playlist"}[state.timer.mode] || "No timer");
  text($("ends"), state.timer.ends === null || isIdle ? ""
    : `until ${clock(state.timer.ends)}${state.phase.next === null ? "" : ", then the next phase"}`);
  text($("track"), isIdle ? "" : [state.track, state.chapter].filter(Boolean).join(" · "));
  text($("why"), isIdle ? "" : [state.playlist, state.why].filter(Boolean).join(" · "));
  const whole = Math.max(state.timer.set || 0, left || 0);
  $("arc").style.strokeDashoffset = String(isIdle || left === null || whole === 0 ? 100 : 100 - 100 * left / whole);
  text($("main"), isIdle || state.state === "stopping" ? "Play" : state.state === "playing" ? "Pause" : "Resume");
  $("volume").max = String(state.volume_max);
  if (!isDragging) $("volume").value = String(state.volume);
  text($("volume-now"), String(isDragging ? $("volume").value : state.volume));
}

function showPlaylists(state) {
  const key = state.playlists.join("\n");
  const list = $("playlists");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...state.playlists.map((name) => {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: name});
      button.addEventListener("click", () => send("play", {playlist: name}));
      return button;
    }));
  }
  for (const button of list.children) button.setAttribute("aria-current", String(button.textContent === state.playlist));
}

function showTracks(state, found) {
  const wanted = $("find").value.trim().toLowerCase();
  const rows = found.tracks.filter((row) => row.title.toLowerCase().includes(wanted));
  const key = JSON.stringify(rows.slice(0, MOST_TRACKS));
  const list = $("tracks");
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...rows.slice(0, MOST_TRACKS).map((row) => {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: `${row.liked ? "♥ " : ""}${row.title}`});
      button.dataset.title = row.title;
      button.addEventListener("click", () => send("play", {playlist: row.playlist, track: row.title}));
      return button;
    }));
  }
  for (const button of list.children) button.setAttribute("aria-current", String(state.state !== "idle" && button.dataset.title === state.track));
  const more = rows.length - Math.min(rows.length, MOST_TRACKS) + (found.count - found.tracks.length);
  text($("more"), more > 0 ? `and ${more} more` : "");
  $("like").setAttribute("aria-pressed", String(state.liked));
}

function showNight(night) {
  $("night").hidden = night === null || night.start === null;
  if ($("night").hidden) return;
  const loudest = night.loudest === null ? "" : `Loudest moment: ${Math.round(night.loudest.db)} dB over calm, at ${clock(night.loudest.at)}`;
  text($("night-text"), night.text);
  text($("night-more"), [loudest, ...night.problems].filter(Boolean).join(" · "));
}

function showDevices() {
  const names = [...speakers.keys()].filter((name) => speakers.get(name).online || name === device).sort();
  const select = $("device");
  if (select.dataset.key !== names.join("\n")) {
    select.dataset.key = names.join("\n");
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  if (names.includes(device)) select.value = device;
}

function say(words, isRefused) {
  $("answer").classList.toggle("refused", isRefused);
  text($("answer"), words);
}

function send(verb, fields = {}) {
  if (client === null || !client.connected) { say("Not sent: there is no connection", true); return; }
  const id = `r${Math.random().toString(36).slice(2, 10)}`;
  // at QoS 1 the library would send it again at its next connection, which may be hours later
  client.publish(topic(`cmd/${verb}`), JSON.stringify({...fields, id, origin: "remote"}), {qos: 0});
  waiting.set(id, setTimeout(() => { waiting.delete(id); say("The speaker does not answer", true); }, ANSWER_MS));
}

function arrived(where, payload) {
  const [name, what] = where.slice(SETTINGS.prefix.length + 1).split("/");
  const speaker = speakers.get(name) || unknown();
  let fields = null;
  if (what !== "availability") {
    try { fields = JSON.parse(payload.toString()); } catch { return; }
  }
  if (what === "availability") {
    speaker.online = payload.toString() === "online";
    if (speaker.online && !device) choose(name);
  } else if (what === "state" && fields.v === 1) {
    speaker.state = fields;
    speaker.seen = Date.now();
  } else if (what === "tracks" && fields.v === 1) {
    speaker.tracks = fields;
  } else if (what === "night" && fields.v === 1) {
    speaker.night = fields;
  } else if (what === "reply" && waiting.has(fields.id)) {
    clearTimeout(waiting.get(fields.id));
    waiting.delete(fields.id);
    if (name === device) say(fields.text, !fields.done);
    return;
  } else return;
  speakers.set(name, speaker);
  show();
}

function choose(name) {
  device = name;
  localStorage.setItem("lull.device", name);
  say("", false);
  show();
}

function connect(login) {
  if (client !== null) client.end(true);
  client = mqtt.connect(ADDRESS, {
    ...login, protocolVersion: 4, clean: true, keepalive: 20, reconnectPeriod: 2000, connectTimeout: 8000,
    queueQoSZero: false, resubscribe: false, timerVariant: "native", clientId: `lull-remote-${Math.random().toString(16).slice(2, 12)}`,
  });
  client.on("connect", () => {
    $("login").hidden = true;
    client.subscribe(["availability", "state", "tracks", "night", "reply"].map((end) => `${SETTINGS.prefix}/+/${end}`));
    show();
  });
  client.on("message", arrived);
  client.on("close", show);
  client.on("offline", show);
  client.on("error", (error) => {
    if (error.code === 4 || error.code === 5) {
      client.end(true);
      localStorage.removeItem("lull.login");
      $("login").hidden = false;
      refusal = login.username ? "Wrong user name or password" : "Sign in";
      show();
    }
  });
  show();
}

for (const button of document.querySelectorAll("button[data-verb]")) {
  button.addEventListener("click", () => send(button.dataset.verb, JSON.parse(button.dataset.fields || "{}")));
}
$("main").addEventListener("click", () => {
  const state = speakers.get(device).state.state;
  send({playing: "pause", paused: "resume", fading_out: "resume"}[state] || "play");
});
$("skip").addEventListener("click", () => send("skip_tonight", {skip: $("skip").getAttribute("aria-pressed") !== "true"}));
$("schedule").addEventListener("click", () => send("schedule", {enabled: $("schedule").getAttribute("aria-pressed") !== "true"}));
$("like").addEventListener("click", () => send($("like").getAttribute("aria-pressed") === "true" ? "unlike" : "like"));
$("find").addEventListener("input", show);
$("ban").addEventListener("click", () => {
  if (Date.now() < banArmed) { banArmed = 0; send("never_again"); return; }
  banArmed = Date.now() + 4000;
  say("Press once more: this track is never played again", false);
});
$("volume").addEventListener("input", () => { isDragging = true; text($("volume-now"), $("volume").value); });
$("volume").addEventListener("change", () => { isDragging = false; send("volume", {volume: Number($("volume").value)}); });
$("device").addEventListener("change", () => choose($("device").value));
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const login = {username: $("username").value, password: $("password").value};
  if ($("remember").checked) localStorage.setItem("lull.login", JSON.stringify(login));
  connect(login);
});
for (const what of ["online", "offline", "visibilitychange"]) {
  (what === "visibilitychange" ? document : window).addEventListener(what, () => {
    if (!document.hidden && client !== null && !client.connected && $("login").hidden) client.reconnect();
    show();
  });
}
setInterval(show, 1000);
// only there: mosquitto, which serves plain http, names no type for a script, and browsers take no worker without one
if (location.protocol === "https:" && "serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {});
connect(JSON.parse(localStorage.getItem("lull.login") || "{}"));
