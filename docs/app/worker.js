// The service worker: opens the app without a connection, and shows what is pushed.
const FILES = ["./", "app.js", "outbox.js", "texts.js", "config.js"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open("app").then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || new URL(url).origin !== self.location.origin) return; // the API is never answered from here
  event.respondWith(fetch(event.request).catch(() => caches.match(event.request, { ignoreSearch: true })));
});
self.addEventListener("push", (event) => {
  const message = event.data.json();
  const options = { body: message.body, tag: message.tag, lang: message.language, requireInteraction: message.urgent,
    data: { link: message.link, city: message.city } };
  event.waitUntil(Promise.all([
    self.registration.showNotification(message.title, options),
    self.clients.matchAll().then((pages) => pages.forEach((page) => page.postMessage(message))),
  ]));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(`./#${event.notification.data.link}`));
});
