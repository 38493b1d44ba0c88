// A fetch that remembers what went over the wire, for scripts that print what a client did.
import { createHash } from "node:crypto";

export const wire = [];

export async function recorded(url, options = {}) {
  const address = new URL(url);
  const response = await fetch(url, options);
  const sent = options.body ? JSON.parse(options.body) : Object.fromEntries(address.searchParams);
  wire.push({ method: options.method ?? "GET", sent: Object.keys(sent).sort(), status: response.status });
  return response;
}

export const sha256 = (text) => createHash("sha256").update(text).digest("hex");
