// Keeps the page itself, so that it opens without a network and can say so. It answers for these files alone.
"use strict";
const CACHE = "lull-@VERSION@";
const FILES = ["./", "remote.css", "remote.js", "mqtt.min.js", "manifest.webmanifest", "icon.png"];
self.addEventListener("install", (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES))));
self.addEventListener("activate", (event) => event.waitUntil(
  caches.keys().then((keys) => Promise.all(keys.filter((key) => key !== CACHE).map((key) => caches.delete(key))))));
self.addEventListener("fetch", (event) => event.respondWith(
  fetch(event.request).catch(() => caches.match(event.request, {ignoreSearch: true}))));
